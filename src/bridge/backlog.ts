/** Counts the messages of the log that still have to be read for the other broker. */
export interface Backlog {
  /** Null until the messages from before the start are counted. */
  count(): number | null
  /** The messages that were there at the start; those read since then are subtracted. */
  startWith(count: number): void
  /** A message came that has to be read. */
  note(): void
  /** The log is read up to the latest message. */
  beginReading(): void
  /** `count` messages of the log were read, or are missing; all of them, or the first part. */
  endReading(count: number, all: boolean): void
  /** `count` messages were deleted. */
  lost(count: number): void
}

export function createBacklog(): Backlog {
  let atStart: number | null = null
  let change = 0
  let cameSince = 0
  return {
    count: () => (atStart === null ? null : Math.max(0, atStart + change)),
    startWith(count) {
      atStart ??= count
    },
    note() {
      change += 1
      cameSince += 1
    },
    beginReading() {
      cameSince = 0
    },
    endReading(count, all) {
      change -= count
      if (!all) return
      // exact from here on, whatever never got into the log
      atStart = 0
      change = cameSince
    },
    lost(count) {
      change -= count
    },
  }
}
