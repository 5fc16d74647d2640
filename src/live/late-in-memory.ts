import type { LatePage, LatePlace, LateRange } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { isLate } from '../topic/time.ts'
import { isAsked, ROWS_A_READ } from './memory-pages.ts'
import type { Row } from './row.ts'
import { type Rows, readStored } from './rows.ts'
import { createSorted } from './sorted.ts'

/** The late messages of a history, in the order of their own times. */
export interface LateInMemory {
  /** Adds a row, if its message is late. */
  add(row: Row): void
  /** Removes a row, if it is here. */
  remove(row: Row): void
  read(range: LateRange): LatePage
}

export function createLateInMemory(rows: Rows): LateInMemory {
  const placeOf = (row: Row): LatePlace => ({ time: rows.time(row), number: rows.sequence(row) })
  const sorted = createSorted<Row>((one, other) => comparePlaces(placeOf(one), placeOf(other)))

  const isLateRow = (row: Row) => isLate({ time: rows.time(row), received: rows.received(row) })

  function walk({ after, from, to, newestFirst }: LateRange): Iterable<Row> {
    if (newestFirst)
      return sorted.backward(
        (row) => rows.time(row) >= to || comparePlaces(placeOf(row), after) >= 0,
      )
    return sorted.forward((row) => rows.time(row) < from || comparePlaces(placeOf(row), after) <= 0)
  }

  return {
    add(row) {
      if (isLateRow(row)) sorted.add(row)
    },
    remove(row) {
      if (isLateRow(row)) sorted.delete(row)
    },
    read(range) {
      const { from, to, filters } = range
      const deliveries: Delivery[] = []
      let scanned = 0
      for (const row of walk(range)) {
        const time = rows.time(row)
        if (time < from || time >= to) break
        scanned += 1
        if (isAsked(rows.topic(row), filters)) deliveries.push(readStored(rows.message(row)))
        if (scanned === ROWS_A_READ) return { deliveries, scanned, reached: placeOf(row) }
      }
      return { deliveries, scanned, reached: null }
    },
  }
}

function comparePlaces(one: LatePlace, other: LatePlace): number {
  return one.time - other.time || one.number - other.number
}
