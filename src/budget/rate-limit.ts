export interface RateLimit {
  /**
   * Takes `cost` from `key`'s allowance, 1 unless told otherwise; 0 when there was one, otherwise seconds until there will be. What
   * costs more than is left delays what comes after it.
   */
  take(key: string, cost?: number): number
  /** Gives back what was taken for 1. */
  giveBack(key: string): void
}

/** Fractions do not add up exactly, and a third of a second three times is one second here. */
const ROUNDING_MS = 1e-6

/** Sweeping costs the size of the map, so it waits until the map has doubled since the last time. */
const SWEEP_FROM = 1000

/**
 * The generic cell rate algorithm: `rate` a second in the long run and `burst` at once, one number a
 * key. Keys whose allowance is whole again are forgotten. A rate of 0 limits nothing.
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
