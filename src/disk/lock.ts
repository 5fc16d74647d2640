import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { messageOf, UsageError } from '../errors.ts'

const PATIENCE_MS = 10_000
const RETRY_MS = 10

/**
 * Runs `work` while nobody else, in this process or another, runs any under the lock at `path`. Rejects with
 * `UsageError` when it is not free within 10 s.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  // SQLite for its lock alone: Node has no flock(), and a lock file of our own would outlive a crash, whereas the
  // kernel lets go of this one whatever the process dies of.
  const database = openDatabase(path)
  try {
    const deadline = Date.now() + PATIENCE_MS
    while (!isTaken(database)) {
      if (Date.now() > deadline)
        throw new UsageError(`another wott-gateway has been holding ${path} for 10 seconds`)
      await setTimeout(RETRY_MS)
    }
    return await work()
  } finally {
    database.close()
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 })
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${messageOf(error)}`, { cause: error })
  }
}

function isTaken(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
