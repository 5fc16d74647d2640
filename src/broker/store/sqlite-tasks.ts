import type { DatabaseSync } from 'node:sqlite'
import type { LogUsage } from './log-usage.ts'
import { copyDatabase } from './sqlite-backup.ts'
import { countForwarded } from './sqlite-count.ts'
import { readStoreInfo } from './sqlite-info.ts'
import { createLateReader } from './sqlite-late.ts'
import { createLogSplitter, createSqliteLogReader, createTopicReader } from './sqlite-log.ts'
import type { Task } from './worker-protocol.ts'

/** Does the tasks of the database thread. */
export function createTasks(db: DatabaseSync, usage: LogUsage) {
  const read = createSqliteLogReader(db)
  const readTopics = createTopicReader(db)
  const readLate = createLateReader(db)
  const split = createLogSplitter(db)
  const closing = new AbortController()
  let copying: Promise<void> | undefined

  function copy(file: string): Promise<void> {
    if (copying) throw new Error('a copy of the store is already being made')
    copying = copyDatabase(db, file, closing.signal).finally(() => {
      copying = undefined
    })
    return copying
  }

  return {
    /** Returns the result, or a promise for it. Throws if the task fails. */
    run(task: Task): unknown {
      switch (task.name) {
        case 'read':
          return read(task.range)
        case 'readTopics':
          return readTopics(task.range)
        case 'readLate':
          return readLate(task.range)
        case 'split':
          return split(task.time)
        case 'count':
          return countForwarded(db, task.range)
        case 'info':
          return readStoreInfo(db, usage)
        case 'backup':
          return copy(task.file)
      }
    },
    /** Stops a running copy. */
    async stop(): Promise<void> {
      closing.abort(new Error('the gateway is stopping'))
      await copying?.catch(() => {})
    },
  }
}
