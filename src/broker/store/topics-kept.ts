import type { Retention } from './retention.ts'
import type { TrimRow } from './trim-rows.ts'

/** Counts messages that are kept beyond their time only because they are the latest of their topic. */
export interface TopicsKept {
  /** Whether to keep a message that must go otherwise; if so, it is counted. */
  keeps(row: TrimRow, now: number): boolean
  /** Whether to keep it further. Called for each kept message in a round, oldest first. */
  stillKeeps(row: TrimRow, now: number): boolean
  /** All kept messages were checked. */
  endRound(): void
}

interface Tally {
  entries: number
  bytes: number
}

/** They may take half of the log; those of one device half of that. */
export function createTopicsKept({ bytes, topicTtlMs, topics }: Retention): TopicsKept {
  let counts = createCounts()
  // the counts of the current round: exact at its end, whichever messages were replaced in between
  let next = createCounts()

  function createCounts() {
    const total: Tally = { entries: 0, bytes: 0 }
    const byDevice = new Map<string | null, Tally>()
    return (row: TrimRow, now: number): boolean => {
      if (!row.isLatest || row.time <= now - topicTtlMs) return false
      const own = byDevice.get(row.device) ?? { entries: 0, bytes: 0 }
      const isRoom =
        hasRoom(total, row, topics, bytes / 2) && hasRoom(own, row, topics / 2, bytes / 4)
      if (!isRoom) return false
      for (const tally of [total, own]) {
        tally.entries += 1
        tally.bytes += row.bytes
      }
      byDevice.set(row.device, own)
      return true
    }
  }

  return {
    keeps: (row, now) => counts(row, now),
    stillKeeps: (row, now) => next(row, now),
    endRound() {
      counts = next
      next = createCounts()
    },
  }
}

function hasRoom(tally: Tally, row: TrimRow, entries: number, bytes: number): boolean {
  return tally.entries < entries && tally.bytes + row.bytes <= bytes
}
