import { chmodSync, chownSync, constants, copyFileSync, linkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { exists } from '../../disk/exists.ts'
import { makePrivateDirectory, syncDirectory, UNFINISHED_PREFIX } from '../../disk/files.ts'
import { messageOf, UsageError } from '../../errors.ts'
import { BLOCK } from './log-numbers.ts'
import { positionFile } from './position.ts'
import { asUsageError, checkOwner, STORE_FILE, storeFile } from './sqlite-file.ts'
import { SCHEMA_VERSION } from './sqlite-upgrade.ts'

/**
 * Copies `backup` into `directory` as its store. Throws a UsageError, and leaves `directory` unchanged, if `backup` is not a
 * whole store, or if `directory` has a store that is in use or not empty.
 */
export async function restoreStore(backup: string, directory: string): Promise<void> {
  if (exists(`${backup}-wal`))
    throw new UsageError(
      `${backup} is not a backup but a store that may be in use, because ${backup}-wal exists; make a backup of it with "wott-gateway backup"`,
    )
  makePrivateDirectory(directory)
  requireEmpty(directory)
  const log = `${storeFile(directory)}-wal`
  // SQLite would play it back into the restored database
  if (exists(log))
    throw new UsageError(`${log} belongs to a store that is no longer there: move it away too`)
  const unfinished = join(directory, UNFINISHED_PREFIX + STORE_FILE)
  try {
    for (const name of [unfinished, `${unfinished}-wal`]) rmSync(name, { force: true })
    copyFileSync(backup, unfinished, constants.COPYFILE_FICLONE)
    chmodSync(unfinished, 0o600)
    giveToOwner(unfinished, directory)
    prepare(unfinished, backup)
    // of the store that was there before
    rmSync(positionFile(directory), { force: true })
    // fails if a gateway has created a store in the meantime
    linkSync(unfinished, storeFile(directory))
    await syncDirectory(directory)
  } finally {
    for (const name of [unfinished, `${unfinished}-wal`]) rmSync(name, { force: true })
  }
}

/** Gives a file that root restores to the owner of the folder, as the gateway probably runs as that user. */
export function giveToOwner(file: string, directory: string): void {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = statSync(directory)
  chownSync(file, uid, gid)
}

/** Deletes a store that holds nothing. */
function requireEmpty(directory: string): void {
  const file = storeFile(directory)
  if (!exists(file)) return
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { timeout: 0 })
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE')
    const isEmpty = checkOwner(db, file) === 0 || !hasRows(db)
    if (!isEmpty)
      throw new UsageError(
        `${directory} already contains a store with messages or sessions: first move ${file} (and ${file}-wal, if it exists) away`,
      )
    rmSync(file)
  } catch (error) {
    throw asUsageError(error, file)
  } finally {
    db?.close()
  }
}

function hasRows(db: DatabaseSync): boolean {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  return tables
    .map(({ name }) => String(name))
    .filter((name) => name !== 'meta' && name !== 'probe')
    .some((name) => db.prepare(`SELECT 1 FROM ${name} LIMIT 1`).get() !== undefined)
}

/**
 * Throws a UsageError unless the copy is a whole store; makes it continue with numbers that the original has not given since.
 */
function prepare(file: string, backup: string): void {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file)
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    const version = checkOwner(db, backup)
    if (version === 0) throw new UsageError(`${backup} is empty`)
    const [problem] = db.prepare('PRAGMA integrity_check(1)').all()
    if (problem?.integrity_check !== 'ok')
      throw new UsageError(`${backup} is damaged: ${String(problem?.integrity_check)}`)
    if (version === SCHEMA_VERSION)
      // so that readers that resume are told that messages may be missing
      db.exec(`
        UPDATE meta SET value = CAST(value AS INTEGER) + ${BLOCK} WHERE key = 'mark';
        UPDATE meta SET value = '0' WHERE key = 'clean'`)
  } catch (error) {
    throw toUsageError(error, backup)
  } finally {
    db?.close()
  }
}

function toUsageError(error: unknown, backup: string): unknown {
  const usage = asUsageError(error, backup)
  if (!(usage instanceof UsageError) || usage === error) return usage
  return new UsageError(`${backup} is not a backup of a store: ${messageOf(error)}`, {
    cause: error,
  })
}
