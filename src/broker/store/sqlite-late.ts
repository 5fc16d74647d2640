import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { topicMatches } from '../../topic/match.ts'
import type { LateRange } from '../broker.ts'
import type { CheckedRow } from './checksum.ts'
import type { LateRows } from './journal.ts'
import { createRowCollector, prepare, ROWS_READ } from './sqlite-log.ts'
import { READ_LATE } from './sqlite-statements.ts'

/** Reads the late messages in a span of time part by part, by an index that has no others. */
export function createLateReader(db: DatabaseSync): (range: LateRange) => LateRows {
  const { same, others } = READ_LATE
  const statements = {
    ASC: { same: prepare(db, same.ASC), others: prepare(db, others.ASC) },
    DESC: { same: prepare(db, same.DESC), others: prepare(db, others.DESC) },
  }

  return (range) => {
    const { filters, newestFirst } = range
    const found = createRowCollector()
    let scanned = 0
    for (const [checked, time] of rowsOf(range, statements[newestFirst ? 'DESC' : 'ASC'])) {
      const [number, topic] = checked
      scanned += 1
      if (filters.some((filter) => topicMatches(filter, topic))) found.add(checked)
      if (scanned === ROWS_READ || found.isFull())
        return { ...found.rows, scanned, reached: { time, number } }
    }
    return { ...found.rows, scanned, reached: null }
  }
}

/** With the time of each, by which they are in order. */
function* rowsOf(
  { after, from, to, newestFirst }: LateRange,
  { same, others }: { readonly same: StatementSync; readonly others: StatementSync },
): Generator<[CheckedRow, number], void> {
  // one comparison of both columns would walk through all rows of that time
  if (after.time >= from && after.time < to) yield* timed(same.iterate(after.time, after.number))
  const above = newestFirst ? from - 1 : Math.max(from - 1, after.time)
  const below = newestFirst ? Math.min(to, after.time) : to
  yield* timed(others.iterate(above, below))
}

const OWN_TIME = 9

function* timed(rows: Iterable<unknown>): Generator<[CheckedRow, number], void> {
  for (const row of rows as Iterable<CheckedRow>) yield [row, row[OWN_TIME] as number]
}
