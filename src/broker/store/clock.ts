import type { Change, MetaKey } from './changes.ts'

/**
 * A clock that runs evenly, also across restarts. Messages expire by it, so they do not expire because somebody has set the
 * system's clock.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, if the system's clock was never set. */
  now(): number
  /** Continues from the stored time. How long no gateway ran is known only by the system's clock. */
  start(saved: (key: MetaKey) => number): void
  /** The changes that store its time. */
  marks(): Change[]
  /** Whether to store its time again, together with other changes. */
  isDue(): boolean
  /** Whether to store its time even without other changes. */
  isOverdue(): boolean
}

export interface ClockOptions {
  /** Milliseconds since the Unix epoch, by the system's clock. */
  readonly wall: () => number
  /** Milliseconds of a monotonic clock. */
  readonly steady: () => number
  /** The most milliseconds without a running gateway that count: the system's clock may have been set in the meantime. */
  readonly maxDowntimeMs: number
}

const DUE_MS = 60_000
const OVERDUE_MS = 60 * 60_000

export function createClock({ wall, steady, maxDowntimeMs }: ClockOptions): Clock {
  let base = wall()
  let since = steady()
  let marked = Number.NEGATIVE_INFINITY
  const now = () => base + (steady() - since)

  return {
    // a whole number, as in the database
    now: () => Math.floor(now()),
    start(saved) {
      const time = saved('time')
      // a new store, or one of an older gateway without this clock
      if (time === 0) return
      const stopped = Math.min(Math.max(0, wall() - saved('wall')), maxDowntimeMs)
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
