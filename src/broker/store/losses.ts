import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { UsageError } from '../../errors.ts'
import { type Position, readPosition } from './position.ts'
import { verifyWal } from './wal.ts'

/**
 * Looks for losses that SQLite would not notice, or would make permanent, when it opens `file`: a missing or empty database, or
 * a write-ahead log that ends too early. Throws a UsageError; returns the position that `requireMessages` must check.
 */
export function requireFiles(directory: string, file: string): Position | null {
  const position = readPosition(directory)
  if (!position) return null
  const { number, wal } = position
  if (number > 0 && sizeOf(file) === 0)
    throw lost(
      directory,
      `${file} is empty or missing, but messages up to number ${number} were stored in it`,
    )
  const log = `${file}-wal`
  if (!wal || wal.frames === 0 || sizeOf(log) === 0) return position
  const found = verifyWal(log)
  if (!found)
    throw lost(directory, `${log} is damaged: none of its ${wal.frames} pages can be read`)
  // a later generation begins only after this one is completely in the database
  if (found.salt === wal.salt && found.frames < wal.frames)
    throw lost(
      directory,
      `${log} is damaged: ${found.frames} of the ${wal.frames} pages that were stored in it can be read`,
    )
  return position
}

/** Throws a UsageError if the database lacks messages that were stored. */
export function requireMessages(
  db: DatabaseSync,
  directory: string,
  file: string,
  position: Position | null,
): void {
  if (!position) return
  const isEmpty = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get() === undefined
  const highest = isEmpty ? 0 : highestNumber(db)
  if (highest >= position.number) return
  const count = isEmpty ? 0 : db.prepare('SELECT count(*) AS n FROM log').get()?.n
  throw lost(
    directory,
    `${file} holds ${count} messages up to number ${highest}, but messages up to number ${position.number} were stored: ${file}-wal was deleted, or the file was replaced by an older one`,
  )
}

/** The highest number that was ever in the log, as far as the database shows. */
export function highestNumber(db: DatabaseSync): number {
  const found = db.prepare(
    `SELECT max((SELECT coalesce(max(number), 0) FROM log), (SELECT coalesce(max(CAST(value AS INTEGER)), 0)
      FROM meta WHERE key IN ('trimmed', 'thinned'))) AS number`,
  )
  return Number(found.get()?.number)
}

/** `what` says what is missing, but not what to do about it. */
export class StoreLoss extends UsageError {
  readonly what: string

  constructor(what: string, remedy: string) {
    super(`${what}. ${remedy}`)
    this.what = what
  }
}

function lost(directory: string, what: string): StoreLoss {
  return new StoreLoss(
    what,
    `"wott-gateway store repair ${directory}" keeps what is left and says what is lost, so that the gateway can start again; or restore a backup with "wott-gateway restore"`,
  )
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
