import { messageOf, UsageError } from '../../errors.ts'
import type { Restore } from './changes.ts'
import { DEFAULT_RETENTION } from './defaults.ts'
import type { ForwardSelection } from './forward-selection.ts'
import { createGroupCommit, type Disk, type OnOutage, type OnUnreadable } from './group-commit.ts'
import type { Journal } from './journal.ts'
import type { LogState, Retention } from './retention.ts'
import type { SqliteOptions } from './sqlite-file.ts'
import type { TakenOver } from './sqlite-upgrade.ts'
import { type StoreThread, startStoreThread } from './store-thread.ts'
import type { Task, WorkerData, WorkerReply, WorkerRequest } from './worker-protocol.ts'

export interface JournalOptions extends SqliteOptions {
  readonly retention?: Retention
  /** Messages that are kept until they are forwarded, as long as there is room. */
  readonly forwardSelection?: ForwardSelection | null
  /** Called with how many messages were deleted for lack of room before they were forwarded. */
  readonly onUnforwarded?: (count: number) => void
  /** Called once the history file of an older gateway has been moved into the log. */
  readonly onTakenOver?: (takenOver: TakenOver) => void
  readonly onUnreadable?: OnUnreadable
}

/**
 * A journal in an SQLite database in `directory`, which is created if needed. The database has a thread of its own, so a slow
 * disk delays only the answers that wait for it. Throws a UsageError, and changes nothing, if the store is in use or is
 * something else.
 */
export async function openSqliteJournal(
  directory: string,
  {
    retention = DEFAULT_RETENTION,
    forwardSelection = null,
    onUnforwarded,
    onTakenOver,
    onUnreadable,
    ...options
  }: JournalOptions,
  onOutage?: OnOutage,
  { worker, ended: threadEnds }: StoreThread = startStoreThread(),
): Promise<Journal> {
  const workerData: WorkerData = { ...options, directory, retention, forwardSelection }
  let pending = Promise.withResolvers<void>()
  let restoreRows: (reply: Extract<WorkerReply, { name: unknown }>) => void = () => {}
  let ended: Error | undefined

  const tasks = new Map<number, PromiseWithResolvers<unknown>>()
  let lastTask = 0
  let log: LogState | null = null
  worker.on('message', (reply: WorkerReply) => {
    if ('task' in reply) {
      const task = tasks.get(reply.task)
      tasks.delete(reply.task)
      if ('result' in reply) task?.resolve(reply.result)
      else task?.reject(new Error(reply.message))
      return
    }
    if ('log' in reply) log = reply.log
    else if ('unreadable' in reply) onUnreadable?.(reply.unreadable)
    else if ('unforwarded' in reply) onUnforwarded?.(reply.unforwarded)
    else if ('takenOver' in reply) onTakenOver?.(reply.takenOver)
    else if ('rows' in reply) {
      try {
        restoreRows(reply)
      } catch (error) {
        pending.reject(
          new UsageError(`${directory} contains data that no gateway wrote: ${messageOf(error)}`),
        )
      }
    } else if (!reply.error) pending.resolve()
    else {
      const { usage, message } = reply.error
      pending.reject(usage ? new UsageError(message) : new Error(message))
    }
  })
  const exited = threadEnds.then((reason) => {
    ended = reason
    pending.reject(reason)
    for (const { reject } of tasks.values()) reject(reason)
    tasks.clear()
  })
  worker.postMessage(workerData)

  function ask(request: WorkerRequest): Promise<void> {
    if (ended) return Promise.reject(ended)
    pending = Promise.withResolvers()
    worker.postMessage(request)
    return pending.promise
  }

  function doTask<T>(toTask: (task: number) => Task): Promise<T> {
    if (ended) return Promise.reject(ended)
    lastTask += 1
    const answer = Promise.withResolvers<unknown>()
    tasks.set(lastTask, answer)
    worker.postMessage(toTask(lastTask) satisfies WorkerRequest)
    return answer.promise as Promise<T>
  }

  try {
    await pending.promise
  } catch (error) {
    await exited
    throw error
  }

  const disk: Disk = {
    recover(restore: Restore) {
      restoreRows = ({ name, rows }) => {
        const row = restore[name] as (...columns: unknown[]) => void
        for (const columns of rows) row(...columns)
      }
      return ask('recover')
    },
    commit: ask,
    read: (range) => doTask((task) => ({ task, name: 'read', range })),
    readTopics: (range) => doTask((task) => ({ task, name: 'readTopics', range })),
    readLate: (range) => doTask((task) => ({ task, name: 'readLate', range })),
    split: (time) => doTask((task) => ({ task, name: 'split', time })),
    count: (range) => doTask((task) => ({ task, name: 'count', range })),
    admin: {
      info: () => doTask((task) => ({ task, name: 'info' })),
      backup: (file) => doTask((task) => ({ task, name: 'backup', file })),
    },
    logState: () => log,
    async close() {
      if (!ended) worker.postMessage('close' satisfies WorkerRequest)
      await exited
    },
  }
  return createGroupCommit(disk, onOutage, onUnreadable)
}
