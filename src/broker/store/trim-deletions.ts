import type { DatabaseSync } from 'node:sqlite'
import { type ForwardSelection, isForwarded } from './forward-selection.ts'
import type { LogUsage } from './log-usage.ts'
import { inTransaction } from './sqlite-file.ts'
import type { TrimRow } from './trim-rows.ts'

/** The numbers up to which messages are gone, as in `LogState`. */
export interface GoneUpTo {
  readonly trimmed: number
  readonly thinned: number
}

/** Deletes messages from the log, in transactions, and knows what is left. */
export interface TrimDeletions {
  /** Runs `work`, which deletes messages, in a transaction. */
  commit<T>(work: () => T): T
  delete(row: TrimRow, reason: keyof GoneUpTo): void
  /** Bytes of the log. */
  bytes(): number
  bytesOf(device: string | null): number
  /** Whether a message is still to be forwarded. */
  isAwaited(row: TrimRow): boolean
  /** All messages up to this number are forwarded, or need not be. */
  forwardedUpTo(): number
  noteForwarded(upTo: number): void
  goneUpTo(): GoneUpTo
  /** How many messages were deleted before they were forwarded, since the last call. */
  takeUnforwarded(): number
}

/** The deletions of one transaction. They are added to the totals once it is committed. */
interface Batch {
  readonly rows: TrimRow[]
  bytes: number
  readonly bytesOf: Map<string | null, number>
  unforwarded: number
  readonly goneUpTo: { trimmed: number; thinned: number }
}

const EVERYTHING = Number.MAX_SAFE_INTEGER

export function createTrimDeletions(
  db: DatabaseSync,
  usage: LogUsage,
  forwardSelection: ForwardSelection | null,
): TrimDeletions {
  const deleteRow = db.prepare('DELETE FROM log WHERE number = ?')
  const writeMeta = db.prepare('REPLACE INTO meta VALUES (?, ?)')
  const synchronous = Number(db.prepare('PRAGMA synchronous').get()?.synchronous)
  let forwardedUpTo = forwardSelection ? readNumber(db, 'forwarded', EVERYTHING) : EVERYTHING
  let goneUpTo: GoneUpTo = {
    trimmed: readNumber(db, 'trimmed', 0),
    thinned: readNumber(db, 'thinned', 0),
  }
  let unforwarded = 0
  let batch = createBatch(goneUpTo)

  function isAwaited({ number, topic, device }: TrimRow): boolean {
    return (
      number > forwardedUpTo &&
      forwardSelection !== null &&
      isForwarded(forwardSelection, topic, device)
    )
  }

  function writeGoneUpTo(): void {
    for (const reason of ['trimmed', 'thinned'] as const) {
      const number = batch.goneUpTo[reason]
      if (number > goneUpTo[reason]) writeMeta.run(reason, String(number))
    }
  }

  return {
    commit(work) {
      batch = createBatch(goneUpTo)
      // nobody waits for this commit: it is flushed with the next message
      if (synchronous > 1) db.exec('PRAGMA synchronous = NORMAL')
      try {
        const result = inTransaction(db, () => {
          const done = work()
          writeGoneUpTo()
          return done
        })
        goneUpTo = batch.goneUpTo
        unforwarded += batch.unforwarded
        for (const { device, bytes } of batch.rows) usage.add(device, -1, -bytes)
        return result
      } finally {
        batch = createBatch(goneUpTo)
        if (synchronous > 1) db.exec(`PRAGMA synchronous = ${synchronous}`)
      }
    },
    delete(row, reason) {
      const { number, device, bytes } = row
      deleteRow.run(number)
      batch.rows.push(row)
      batch.bytes += bytes
      batch.bytesOf.set(device, (batch.bytesOf.get(device) ?? 0) + bytes)
      if (isAwaited(row)) batch.unforwarded += 1
      batch.goneUpTo[reason] = Math.max(batch.goneUpTo[reason], number)
    },
    bytes: () => usage.total.bytes - batch.bytes,
    bytesOf: (device) =>
      (usage.byDevice.get(device)?.bytes ?? 0) - (batch.bytesOf.get(device) ?? 0),
    isAwaited,
    forwardedUpTo: () => forwardedUpTo,
    noteForwarded(upTo) {
      if (forwardSelection) forwardedUpTo = upTo
    },
    goneUpTo: () => goneUpTo,
    takeUnforwarded() {
      const count = unforwarded
      unforwarded = 0
      return count
    },
  }
}

function createBatch({ trimmed, thinned }: GoneUpTo): Batch {
  return { rows: [], bytes: 0, bytesOf: new Map(), unforwarded: 0, goneUpTo: { trimmed, thinned } }
}

function readNumber(db: DatabaseSync, key: string, otherwise: number): number {
  return Number(db.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.value ?? otherwise)
}
