import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { backup, type DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'

/** Pages that are copied at a time, between two commits: 1 MiB, more than a commit usually adds. */
const PAGES_AT_ONCE = 256
/** How often to try again where a commit is in the way of the first pages. */
const ATTEMPTS = 1_000

const SQLITE_OK = 0
const SQLITE_BUSY = 5

/**
 * Copies what is in `db` now, with what comes meanwhile, to `file`, which is not there yet; nobody else may read it.
 * `db` may only be closed once it has ended, which `stop` has it do soon.
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

/** False where a commit was in the way. */
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
    // Node waits for its turn except with the first pages
    if (!hasBegun && isBusy(error)) return false
    throw error
  }
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  return errcode === SQLITE_OK || errcode === SQLITE_BUSY
}

/** Writes a file to the disk while it grows: all at once at the end, commits would wait for as long as that takes. */
function createFlush(handle: FileHandle) {
  let underway: Promise<void> | undefined
  return {
    start(): void {
      underway ??= handle
        .datasync()
        // SQLite's own at the end fails too
        .catch(() => {})
        .finally(() => {
          underway = undefined
        })
    },
    ended: async () => underway,
  }
}
