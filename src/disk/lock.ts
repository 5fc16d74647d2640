import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { ensurePrivateFile } from './files.ts'

const PATIENCE_MS = 10_000
const RETRY_MS = 10

/**
 * Runs `work` while nobody else, in this process or another, runs any under the lock at `path`. Rejects with
 * `UsageError` when it is not free within 10 s, and when the disk is full.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  // SQLite for its lock alone: Node has no flock(), and a lock file of our own would outlive a crash, whereas the
  // kernel lets go of this one whatever the process dies of.
  await ensurePrivateFile(path)
  const database = openDatabase(path)
  try {
    const deadline = Date.now() + PATIENCE_MS
    while (!isTaken(database, path)) {
      if (Date.now() > deadline)
        throw new UsageError(`another wott-gateway process has locked ${path} for 10 seconds`)
      await setTimeout(RETRY_MS)
    }
    return await work()
  } catch (error) {
    if (!isFull(error)) throw error
    throw new UsageError(
      `the disk of ${dirname(path)} is full (${messageOf(error)}): free some space, and try again`,
      { cause: error },
    )
  } finally {
    database.close()
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 })
  } catch (error) {
    throw unusable(path, error)
  }
}

function isTaken(database: DatabaseSync, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (errcodeOf(error) === SQLITE_BUSY) return false
    throw isFull(error) ? error : unusable(path, error)
  }
}

const SQLITE_BUSY = 5
const SQLITE_FULL = 13
/** The last is what a limit on the size of files gives. */
const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG']

function isFull(error: unknown): boolean {
  return errcodeOf(error) === SQLITE_FULL || FULL.includes(codeOf(error) ?? '')
}

function errcodeOf(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined
}

function unusable(path: string, error: unknown): UsageError {
  return new UsageError(`${path} cannot be locked: ${messageOf(error)}`, { cause: error })
}
