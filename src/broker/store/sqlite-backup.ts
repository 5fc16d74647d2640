import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { backup, type DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'

/** Pages that are copied at a time, between two commits: 1 MiB, more than a commit usually adds. */
const PAGES_AT_ONCE = 256
/** How often the first pages are tried again if a commit has the database locked. */
const ATTEMPTS = 1_000

const SQLITE_OK = 0
const SQLITE_BUSY = 5

/**
 * Copies the content of `db`, including changes during the copy, to the new `file`, which nobody else may read. Do not close
 * `db` before the copy has ended; `stop` ends it soon.
 */
export async function copyDatabase(
  db: DatabaseSync,
  file: string,
  stop?: AbortSignal,
): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  const flush = createFlush(handle)
  try {
    for (let attempt = 1; !(await copyPages(db, file, flush.start, stop)); attempt++) {
      if (attempt === ATTEMPTS) throw new Error('the store is too busy')
      await setImmediate()
    }
  } catch (error) {
    for (const name of [file, `${file}-journal`]) rmSync(name, { force: true })
    throw error
  } finally {
    await flush.ended()
    await handle.close()
  }
}

/** Returns false if a commit had the database locked. */
async function copyPages(
  db: DatabaseSync,
  file: string,
  onPages: () => void,
  stop: AbortSignal | undefined,
): Promise<boolean> {
  let hasBegun = false
  stop?.throwIfAborted()
  try {
    await backup(db, file, {
      rate: PAGES_AT_ONCE,
      progress() {
        hasBegun = true
        stop?.throwIfAborted()
        onPages()
      },
    })
    return true
  } catch (error) {
    // Node itself waits for the lock, except for the first pages
    if (!hasBegun && isBusy(error)) return false
    throw error
  }
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  return errcode === SQLITE_OK || errcode === SQLITE_BUSY
}

/** Flushes a file while it grows: a single flush at the end would delay all commits. */
function createFlush(handle: FileHandle) {
  let underway: Promise<void> | undefined
  return {
    start(): void {
      underway ??= handle
        .datasync()
        // SQLite's own flush at the end will fail too
        .catch(() => {})
        .finally(() => {
          underway = undefined
        })
    },
    ended: async () => underway,
  }
}
