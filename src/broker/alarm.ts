/** Calls back when the next thing is due. */
export interface Alarm {
  /** Something is due at this time, in milliseconds by the clock `now`. */
  at(time: number): void
  stop(): void
}

/** Things that are due at nearly the same time are looked at together. */
const GATHERED_MS = 50
/** Far times, and clocks that are set, are looked at again after this long. */
const LONGEST_MS = 60_000

/** One timer for all that sessions wait for. `look` deals with what is due and returns when the next is, or Infinity. */
export function createAlarm(look: () => number, now: () => number): Alarm {
  let timer: NodeJS.Timeout | undefined
  let due = Number.POSITIVE_INFINITY
  let isStopped = false

  function at(time: number): void {
    if (isStopped || time >= due) return
    due = time
    clearTimeout(timer)
    timer = setTimeout(ring, Math.min(LONGEST_MS, Math.max(GATHERED_MS, time - now()))).unref()
  }

  function ring(): void {
    due = Number.POSITIVE_INFINITY
    at(look())
  }

  return {
    at,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
