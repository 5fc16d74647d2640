import type { Entry } from './history.ts'

/** Frames of older entries are formatted again when somebody comes back for them. */
const FORMATTED = 64

/** The newest messages, of which streams may ask for all at once. */
export interface Newest {
  add(entry: Entry): void
  /** The number of the latest message. */
  latest(): number
  /** The number that all of the newest came after. */
  start(): number
}

/** Knows the numbers of so many messages, and clears the frames of all but the last few. */
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
