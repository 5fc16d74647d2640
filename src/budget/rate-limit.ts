/** Limits how much each key may do per second. */
export interface RateLimit {
  /**
   * Takes `cost`, by default 1, from the allowance of `key`. Returns 0 if there was some left, otherwise the seconds until
   * there will be. A cost above what is left delays later calls.
   */
  take(key: string, cost?: number): number
  /** Gives back a cost of 1. */
  giveBack(key: string): void
}

/** Fractions do not add up exactly, and three times a third of a second must be one second here. */
const ROUNDING_MS = 1e-6

/** A sweep takes time in proportion to the map's size, so it waits until the map has doubled since the last one. */
const SWEEP_FROM = 1000

/**
 * The generic cell rate algorithm: `rate` a second in the long run and `burst` at once, with one number for each key. A key
 * with its whole allowance is forgotten. A rate of 0 limits nothing.
 */
export function createRateLimit(
  rate: number,
  burst: number,
  now: () => number = () => performance.now(),
): RateLimit {
  if (rate === 0) return { take: () => 0, giveBack() {} }
  const interval = 1000 / rate
  const tolerance = interval * (burst - 1)
  const arrivals = new Map<string, number>()
  let sweepAt = SWEEP_FROM

  function sweep(time: number): void {
    for (const [key, arrival] of arrivals) if (arrival <= time) arrivals.delete(key)
    sweepAt = Math.max(SWEEP_FROM, arrivals.size * 2)
  }

  return {
    take(key, cost = 1) {
      const time = now()
      const arrival = Math.max(arrivals.get(key) ?? 0, time)
      const early = arrival - time - tolerance
      if (early > ROUNDING_MS) return early / 1000
      arrivals.set(key, arrival + interval * cost)
      if (arrivals.size >= sweepAt) sweep(time)
      return 0
    },
    giveBack(key) {
      const arrival = arrivals.get(key)
      if (arrival !== undefined) arrivals.set(key, arrival - interval)
    },
  }
}
