/** A timer that calls back when the next thing is due. */
export interface Alarm {
  /** Something is due at this time, in milliseconds by the clock `now`. */
  at(time: number): void
  stop(): void
}

/** Things that are due at nearly the same time are done together. */
const GATHERED_MS = 50
/** The longest wait before the clock is read again: it may have been set, and Node's timers cannot wait for months. */
const LONGEST_MS = 60_000

/** One timer for everything that sessions wait for. `runDue` does what is due and returns when to call it again, or Infinity. */
export function createAlarm(runDue: () => number, now: () => number): Alarm {
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
    at(runDue())
  }

  return {
    at,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
