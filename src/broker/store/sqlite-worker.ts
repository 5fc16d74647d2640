import { getPriority, setPriority } from 'node:os'
import type { StatementSync } from 'node:sqlite'
import { type MessagePort, parentPort } from 'node:worker_threads'
import { messageOf, UsageError } from '../../errors.ts'
import { attempt } from './attempt.ts'
import type { Change } from './changes.ts'
import { asUsageError, commitForGood, inTransaction, openSqliteFile } from './sqlite-file.ts'
import { toInput } from './sqlite-input.ts'
import { keepPosition } from './sqlite-position.ts'
import { recoverAll } from './sqlite-recover.ts'
import { WRITE } from './sqlite-statements.ts'
import { createTasks } from './sqlite-tasks.ts'
import { createTrim } from './sqlite-trim.ts'
import { startUpkeep } from './sqlite-upkeep.ts'
import { createThreadClock } from './thread-clock.ts'
import type { Task, WorkerData, WorkerReply, WorkerRequest } from './worker-protocol.ts'

/** How much lower the priority of the other threads is: otherwise commits would wait for them on a busy core. */
const PRIORITY_STEPS = 5
const HIGHEST_PRIORITY = -20

/** Opens the database, and serves requests at `port` until it is closed. */
function open(port: MessagePort, options: WorkerData): void {
  const { directory, fsync, retention, forwardSelection } = options
  const { db, file, takenOver } = openSqliteFile(directory, options)
  const send = (reply: WorkerReply) => port.postMessage(reply)
  if (takenOver) send({ takenOver })
  const write = new Map<string, StatementSync>()
  for (const [name, sql] of Object.entries(WRITE)) write.set(name, db.prepare(sql))
  const trim = reading(() => createTrim(db, retention, forwardSelection))
  const tasks = createTasks(db, trim.usage)
  const position = keepPosition(db, directory, file, fsync)
  const clock = createThreadClock()
  const upkeep = startUpkeep({ db, file }, position, trim, clock, send)

  /** Turns the error of a failed read into one that tells the operator what to do. */
  function reading<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw asUsageError(error, file)
    }
  }

  function commit(changes: readonly Change[]): void {
    for (const change of changes) if (isTime(change)) clock.set(Number(change[2]))
    const time = clock.now()
    const writeAll = () => {
      for (const [name, ...columns] of changes)
        write.get(name)?.run(...toInput(name, columns, time))
    }
    try {
      // after a power cut, numbers up to this mark must not be given again
      if (changes.some(isMark)) commitForGood(db, writeAll)
      else inTransaction(db, writeAll)
      trim.stored(changes)
    } catch (error) {
      attempt(position.failed)
      throw error
    }
    // the changes are stored, even if their position cannot be recorded
    attempt(() => position.stored(changes))
  }

  async function answerTask(task: Task): Promise<void> {
    try {
      send({ task: task.task, result: await tasks.run(task) })
    } catch (error) {
      send({ task: task.task, message: messageOf(error) })
    }
  }

  async function close(): Promise<void> {
    upkeep.stop()
    await tasks.stop()
    attempt(upkeep.flushStored)
    attempt(position.closing)
    if (!attempt(() => db.close())) attempt(position.closed)
    port.close()
  }

  port.on('message', (request: WorkerRequest) => {
    if (request === 'close') void close()
    else if (request === 'recover')
      answer(port, () => reading(() => recoverAll(db, file, (name, rows) => send({ name, rows }))))
    else if ('task' in request) void answerTask(request)
    else answer(port, () => commit(request))
  })
}

function isTime(change: Change): change is readonly ['meta', 'time', string] {
  return change[0] === 'meta' && change[1] === 'time'
}

function isMark([name, key]: Change): boolean {
  return name === 'meta' && key === 'mark'
}

function answer(port: MessagePort, work: () => void): void {
  const error = attempt(work)
  const reply: WorkerReply = error
    ? { done: true, error: { usage: error instanceof UsageError, message: error.message } }
    : { done: true }
  port.postMessage(reply)
}

/** Raises the priority of this thread if the system allows it. */
function raisePriority(): void {
  // on other systems this would change the whole process
  if (process.platform === 'linux')
    attempt(() => setPriority(Math.max(HIGHEST_PRIORITY, getPriority() - PRIORITY_STEPS)))
}

if (parentPort) {
  const port = parentPort
  raisePriority()
  port.once('message', (options: WorkerData) => answer(port, () => open(port, options)))
}
