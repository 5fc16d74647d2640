import type { DatabaseSync } from 'node:sqlite'
import { isForwarded } from './forward-selection.ts'
import type { CountRange } from './journal.ts'
import { createPauses } from './pauses.ts'

const ROWS_AT_ONCE = 256

/** Counts in small parts, so that commits can run in between. */
export async function countForwarded(
  db: DatabaseSync,
  { after, upTo, forwardSelection }: CountRange,
): Promise<number> {
  const next = db.prepare(
    `SELECT number, topic, device FROM log WHERE number > ? AND number <= ?
     ORDER BY number LIMIT ${ROWS_AT_ONCE}`,
  )
  next.setReturnArrays(true)
  const pause = createPauses()
  let count = 0
  let reached = after
  for (;;) {
    const rows = next.all(reached, upTo) as unknown as [number, string, string | null][]
    for (const [number, topic, device] of rows) {
      if (isForwarded(forwardSelection, topic, device)) count += 1
      reached = number
    }
    if (rows.length < ROWS_AT_ONCE) return count
    await pause()
  }
}
