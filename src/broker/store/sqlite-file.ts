import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateDirectory } from '../../disk/files.ts'
import { messageOf, UsageError } from '../../errors.ts'
import { requireFiles, requireMessages } from './losses.ts'
import { removeOldHistory, SCHEMA_VERSION, type TakenOver, upgrade } from './sqlite-upgrade.ts'

/**
 * When a commit is flushed to the disk. `always`: before it is acknowledged. `interval`: within about a second. `never`: when
 * the system does it. With each of them, a crash of the gateway alone loses nothing.
 */
export type Fsync = 'always' | 'interval' | 'never'

export interface SqliteOptions {
  readonly fsync: Fsync
  /** The most bytes of the database; if left out, the disk is the limit. */
  readonly maxBytes?: number
}

export const STORE_FILE = 'broker.sqlite'
/** "wott": identifies a store, so that no other database is taken for one. */
const APPLICATION_ID = 0x77_6f_74_74
/** Long enough for the last gateway to end when a new one replaces it. */
const LOCK_TIMEOUT_MS = 1_000
const PAGE_BYTES = 4_096
const WAL_BYTES = 16 * 1024 * 1024

const SYNCHRONOUS = { always: 'FULL', interval: 'NORMAL', never: 'OFF' } as const

const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

/** Opens the store in `directory` for this process only. Throws a UsageError, and changes nothing, if it is not a store. */
export function openSqliteFile(
  directory: string,
  options: SqliteOptions,
): { db: DatabaseSync; file: string; takenOver: TakenOver | null } {
  const position = requireFiles(directory, storeFile(directory))
  const file = createFile(directory)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS })
    const takenOver = prepare(db, file, options, (opened) =>
      requireMessages(opened, directory, file, position),
    )
    removeOldHistory(db, directory)
    return { db, file, takenOver }
  } catch (error) {
    db?.close()
    throw asUsageError(error, file)
  }
}

function prepare(
  db: DatabaseSync,
  file: string,
  { fsync, maxBytes }: SqliteOptions,
  check: (db: DatabaseSync) => void,
): TakenOver | null {
  // no shared memory, and locked until it is closed or the process ends
  db.exec('PRAGMA locking_mode = EXCLUSIVE')
  const version = checkOwner(db, file)
  check(db)
  const isNew = version === 0
  // allows freed pages to be given back to the disk; must be set before the first table
  if (isNew) db.exec('PRAGMA auto_vacuum = INCREMENTAL')
  db.exec('PRAGMA journal_mode = WAL')
  db.exec(`PRAGMA synchronous = ${SYNCHRONOUS[fsync]}`)
  db.exec(`PRAGMA journal_size_limit = ${WAL_BYTES}`)
  if (maxBytes) db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`)
  if (version === SCHEMA_VERSION) return null
  return commitForGood(db, () => {
    const takenOver = upgrade(db, version, dirname(file))
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
    return takenOver
  })
}

/** Runs `work` in a transaction: everything is stored or, if it throws, nothing. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** The same, but flushed when it returns, however other commits are flushed, so that a power cut cannot undo it. */
export function commitForGood<T>(db: DatabaseSync, work: () => T): T {
  const synchronous = Number(db.prepare('PRAGMA synchronous').get()?.synchronous)
  db.exec('PRAGMA synchronous = FULL')
  try {
    const result = inTransaction(db, work)
    // if nothing else is flushed, its pages must be in the database before the write-ahead log restarts
    if (synchronous === 0) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return result
  } finally {
    db.exec(`PRAGMA synchronous = ${synchronous}`)
  }
}

/** The schema version of the database, 0 for a new one. Throws if it is not a store. */
export function checkOwner(db: DatabaseSync, file: string): number {
  const applicationId = db.prepare('PRAGMA application_id').get()?.application_id
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  if (applicationId === 0 && version === 0 && tables === 0) return 0
  if (applicationId !== APPLICATION_ID)
    throw new UsageError(
      `${file} is the database of another program; give the gateway its own directory`,
    )
  if (version > SCHEMA_VERSION)
    throw new UsageError(
      `${file} was written by a newer gateway (schema ${version}; this one supports ${SCHEMA_VERSION}); use the newer gateway, or another directory`,
    )
  return version
}

/** Turns a failure to open or read the store into an error that tells the operator what to do. */
export function asUsageError(error: unknown, file: string): unknown {
  const errcode = errcodeOf(error)
  if (errcode === SQLITE_BUSY)
    return new UsageError(
      `${file} is in use by another process. Stop the other gateway: it may still run after its npm was killed ("pgrep -f wott-gateway" finds it)`,
    )
  if (isDamage(error))
    return new UsageError(
      `${file} is damaged (${messageOf(error)}); run "wott-gateway store repair" to keep what can be read, or restore a backup`,
    )
  if (errcode === SQLITE_FULL)
    return new UsageError(
      `the disk of ${file} is full (${messageOf(error)}): free some space, and start again`,
    )
  if (errcode === SQLITE_CANTOPEN || errcode === SQLITE_READONLY || errcode === SQLITE_IOERR)
    return new UsageError(`${file} cannot be opened: ${messageOf(error)}`)
  return error
}

/** Whether the file's content is not what SQLite wrote there. */
export function isDamage(error: unknown): boolean {
  const errcode = errcodeOf(error)
  return errcode === SQLITE_CORRUPT || errcode === SQLITE_NOTADB
}

function errcodeOf(error: unknown): number {
  return Number((error as { errcode?: unknown }).errcode) & 0xff
}

export function storeFile(directory: string): string {
  return join(directory, STORE_FILE)
}

function createFile(directory: string): string {
  const file = storeFile(directory)
  try {
    makePrivateDirectory(directory)
    if (existsSync(file)) chmodSync(file, 0o600)
    // SQLite gives its other files the same mode
    else closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    throw new UsageError(`${directory} cannot hold a store: ${messageOf(error)}`)
  }
  return file
}
