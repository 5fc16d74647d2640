import type { Change, MetaKey } from './changes.ts'

/**
 * A clock that runs evenly across restarts, whatever the system's clock is set to: messages expire by it, and never because
 * somebody has set the clock.
 */
export interface Clock {
  /** Milliseconds; since the Unix epoch, as long as the wall clock is never set. */
  now(): number
  /** Goes on from where the last gateway ended. What passed since then only the wall clock can tell. */
  start(saved: (key: MetaKey) => number): void
  /** The changes that store its time. */
  marks(): Change[]
  /** Whether to store its time again, together with other changes. */
  isDue(): boolean
  /** Whether to store its time even without other changes. */
  isOverdue(): boolean
}

export interface ClockOptions {
  /** Milliseconds since the Unix epoch, as the system says. */
  readonly wall: () => number
  /** Milliseconds that pass evenly. */
  readonly steady: () => number
  /** Most milliseconds without a gateway that count: the wall clock may have been set meanwhile. */
  readonly maxDowntime: number
}

const DUE_MS = 60_000
const OVERDUE_MS = 60 * 60_000

export function createClock({ wall, steady, maxDowntime }: ClockOptions): Clock {
  let base = wall()
  let since = steady()
  let marked = Number.NEGATIVE_INFINITY
  const now = () => base + (steady() - since)

  return {
    // whole, as the database keeps it
    now: () => Math.floor(now()),
    start(saved) {
      const time = saved('time')
      // a new store, or one of a gateway that went by the wall clock
      if (time === 0) return
      const stopped = Math.min(Math.max(0, wall() - saved('wall')), maxDowntime)
      base = time + stopped
      since = steady()
    },
    marks() {
      marked = steady()
      return [
        ['meta', 'time', String(Math.floor(now()))],
        ['meta', 'wall', String(Math.floor(wall()))],
      ]
    },
    isDue: () => steady() - marked >= DUE_MS,
    isOverdue: () => steady() - marked >= OVERDUE_MS,
  }
}
