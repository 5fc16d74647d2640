import type { Entry } from './entry.ts'
import type { Row } from './row.ts'
import { expiresOf, type Rows } from './rows.ts'

/** How many messages have an entry that all readers share; for older ones each reader makes its own. */
const SHARED = 64

/** The newest messages, all of which a stream may request. */
export interface Newest {
  /** Adds a message by its number. */
  add(number: number): void
  /** The entry of a message, which is made when it is needed: most messages have no reader. */
  entry(row: Row): Entry
  /** The number of the latest message. */
  latest(): number
  /** The newest messages have greater numbers. */
  start(): number
}

/** Remembers the numbers of so many messages after number `first`, and those entries of the last few that were needed. */
export function createNewest(rows: Rows, messages: number, first: number): Newest {
  // all three are rings
  const numbers = new Float64Array(messages)
  const lastNumbers = new Float64Array(SHARED)
  const entries = new Array<Entry | undefined>(SHARED)
  let added = 0
  let latest = first
  let start = first

  function addNumber(number: number): void {
    latest = number
    if (messages === 0) {
      start = number
      return
    }
    const place = added % messages
    if (added >= messages) start = numbers[place] as number
    numbers[place] = number
  }

  return {
    add(number) {
      addNumber(number)
      const place = added % SHARED
      lastNumbers[place] = number
      entries[place] = undefined
      added += 1
    },
    entry(row) {
      const place = lastNumbers.indexOf(rows.sequence(row))
      if (place === -1) return toEntry(rows, row, null)
      const entry = entries[place] ?? toEntry(rows, row, {})
      entries[place] = entry
      return entry
    },
    latest: () => latest,
    start: () => start,
  }
}

function toEntry(rows: Rows, row: Row, frames: Entry['frames']): Entry {
  const message = rows.message(row)
  const sequence = rows.sequence(row)
  return { topic: message.topic, sequence, expires: expiresOf(message), message, frames }
}
