import type { Entry } from './entry.ts'

/** Entries that keep their event; for older ones it is made again when it is needed. */
const FORMATTED = 64

/** The newest messages, all of which a stream may request. */
export interface Newest {
  add(entry: Entry): void
  /** The entry with this number, if it is one of the last few. */
  find(number: number): Entry | undefined
  /** The number of the latest message. */
  latest(): number
  /** The newest messages have greater numbers. */
  start(): number
}

/** Remembers the numbers of so many messages after number `first`, and the events of the last few. */
export function createNewest(messages: number, first: number): Newest {
  // both are rings
  const numbers = new Float64Array(messages)
  const formatted = new Array<Entry | undefined>(FORMATTED)
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
    add(entry) {
      addNumber(entry.sequence)
      formatted[added % FORMATTED] = entry
      added += 1
    },
    find(number) {
      const oldest = formatted[added % FORMATTED]
      if (oldest && oldest.sequence > number) return undefined
      return formatted.find((entry) => entry?.sequence === number)
    },
    latest: () => latest,
    start: () => start,
  }
}
