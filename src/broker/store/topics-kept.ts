import type { Retention } from './retention.ts'
import type { TrimRow } from './sqlite-trim.ts'

/** What is kept of messages that would be trimmed but for being the latest of their topic. */
export interface TopicsKept {
  /** Whether to keep a message that is past its time now; counted if so. */
  keeps(row: TrimRow, now: number): boolean
  /** Whether to go on keeping it. Asked about each in a round, oldest first. */
  stillKeeps(row: TrimRow, now: number): boolean
  /** All were asked about. */
  endRound(): void
}

interface Tally {
  entries: number
  bytes: number
}

/** They may take half of the log; those of one device half of that. */
export function createTopicsKept({ bytes, topicTtl, topics }: Retention): TopicsKept {
  let counts = createCounts()
  // of the round that goes on: exact once it has ended, whatever was superseded meanwhile
  let next = createCounts()

  function createCounts() {
    const total: Tally = { entries: 0, bytes: 0 }
    const byDevice = new Map<string | null, Tally>()
    return (row: TrimRow, now: number): boolean => {
      if (!row.isLatest || row.time <= now - topicTtl) return false
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
