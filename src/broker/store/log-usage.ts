import type { DatabaseSync } from 'node:sqlite'
import type { Append, Change } from './changes.ts'
import { ENTRY_BYTES } from './retention.ts'

/** How many messages, and their bytes. */
export interface Tally {
  entries: number
  bytes: number
}

/** What the log holds, by device. */
export interface LogUsage {
  readonly total: Tally
  readonly byDevice: ReadonlyMap<string | null, Tally>
  /** Whether all that was there at the start is counted. */
  readonly isComplete: boolean
  /** Counts the next rows of those that were there at the start. */
  count(): void
  /** Counts what a commit has stored. */
  stored(changes: readonly Change[]): void
  add(device: string | null, entries: number, bytes: number): void
}

const ROWS_AT_ONCE = 256
/** SQL of the bytes that a row counts for. */
export const ROW_BYTES = `${ENTRY_BYTES} + octet_length(topic) + octet_length(payload) + coalesce(octet_length(properties), 0)`

/** Counts the rows step by step, so that opening a large log takes no time. */
export function createLogUsage(db: DatabaseSync): LogUsage {
  const total: Tally = { entries: 0, bytes: 0 }
  const byDevice = new Map<string | null, Tally>()
  const next = db.prepare(
    `SELECT number, device, ${ROW_BYTES} AS bytes FROM log WHERE number > ? AND number <= ?
     ORDER BY number LIMIT ${ROWS_AT_ONCE}`,
  )
  next.setReturnArrays(true)
  // every later message has a higher number
  const last = Number(db.prepare('SELECT max(number) AS last FROM log').get()?.last ?? 0)
  let counted = 0

  function add(device: string | null, entries: number, bytes: number): void {
    total.entries += entries
    total.bytes += bytes
    const own = byDevice.get(device) ?? { entries: 0, bytes: 0 }
    own.entries += entries
    own.bytes += bytes
    if (own.entries > 0) byDevice.set(device, own)
    else byDevice.delete(device)
  }

  return {
    total,
    byDevice,
    get isComplete() {
      return counted >= last
    },
    count() {
      const rows = next.all(counted, last) as unknown as [number, string | null, number][]
      for (const [number, device, bytes] of rows) {
        add(device, 1, bytes)
        counted = number
      }
      if (rows.length < ROWS_AT_ONCE) counted = last
    },
    stored(changes) {
      for (const change of changes) if (change[0] === 'append') add(change[6], 1, bytesOf(change))
    },
    add,
  }
}

/** The bytes that a message counts for: as `ROW_BYTES`. */
function bytesOf(change: Append): number {
  const [, , topic, characters, , , , , properties] = change
  return (
    ENTRY_BYTES +
    Buffer.byteLength(topic) +
    characters.length +
    (properties === null ? 0 : Buffer.byteLength(properties))
  )
}
