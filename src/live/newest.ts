import type { Entry } from './history.ts'

/** Entries that keep their event; for older ones it is made again when it is needed. */
const FORMATTED = 64

/** The newest messages, all of which a stream may request. */
export interface Newest {
  add(entry: Entry): void
  /** The number of the latest message. */
  latest(): number
  /** The newest messages have greater numbers. */
  start(): number
}

/** Remembers the numbers of so many messages, and drops the events of all but the last few. */
export function createNewest(messages: number): Newest {
  // both are rings
  const numbers = new Float64Array(messages)
  const formatted = new Array<Entry | undefined>(FORMATTED)
  let added = 0
  let latest = 0
  let start = 0

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

  function clearOldFrames(entry: Entry): void {
    const place = added % FORMATTED
    const old = formatted[place]
    if (old) old.frames = null
    formatted[place] = entry
  }

  return {
    add(entry) {
      addNumber(entry.sequence)
      clearOldFrames(entry)
      added += 1
    },
    latest: () => latest,
    start: () => start,
  }
}
