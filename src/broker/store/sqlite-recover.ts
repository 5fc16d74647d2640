import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { UsageError } from '../../errors.ts'
import type { RestoredName } from './changes.ts'
import { type CheckedRow, soundRow } from './checksum.ts'
import { CLEAN_UP, READ } from './sqlite-statements.ts'

const ROWS_AT_ONCE = 1_000

/**
 * Sends all rows of `db` except the log to `onRows`, in parts, and deletes rows that nothing refers to. Throws a UsageError if
 * damaged messages are retained or wait for a session.
 */
export function recoverAll(
  db: DatabaseSync,
  file: string,
  onRows: (name: RestoredName, rows: readonly unknown[][]) => void,
): void {
  // everything is read before anything is written, so that a damaged file stays unchanged
  const damaged = READ.flatMap(([name, sql]) => sendRows(name, db.prepare(sql), onRows))
  if (damaged.length > 0) throw new UsageError(damageIn(file, damaged))
  db.exec(`BEGIN; ${CLEAN_UP} COMMIT`)
}

/** Returns the numbers of damaged messages. */
function sendRows(
  name: RestoredName,
  statement: StatementSync,
  onRows: (name: RestoredName, rows: readonly unknown[][]) => void,
): number[] {
  statement.setReturnArrays(true)
  const isMessage = name === 'message' || name === 'retain'
  const damaged: number[] = []
  let rows: unknown[][] = []
  for (const found of statement.iterate() as Iterable<unknown>) {
    const row = isMessage ? soundRow(found as CheckedRow) : (found as unknown[])
    if (row) rows.push(row)
    else damaged.push((found as CheckedRow)[0])
    if (rows.length === ROWS_AT_ONCE) {
      onRows(name, rows)
      rows = []
    }
  }
  onRows(name, rows)
  return damaged
}

const LISTED = 10

function damageIn(file: string, numbers: readonly number[]): string {
  const more = numbers.length > LISTED ? ` and ${numbers.length - LISTED} more` : ''
  const which = `${numbers.slice(0, LISTED).join(', ')}${more}`
  return `${file} is damaged: the checksums of messages that are retained or wait for a session do not match (numbers ${which}); "wott-gateway store repair" removes them and keeps the rest; or restore a backup`
}
