/** How many messages of the log have not been read for the other broker. */
export interface Backlog {
  /** Null until what was there at the start is counted. */
  count(): number | null
  /** What was there at the start, however much of it was read since. */
  startWith(count: number): void
  /** A message came that has to be read. */
  note(): void
  /** The log is read up to the latest message. */
  beginReading(): void
  /** So many were read of it, or turned out to be missing; all of them, or the first part. */
  endReading(count: number, all: boolean): void
  /** So many were deleted. */
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
