/** A timer that calls back when something is due. */
export interface Alarm {
  /** Something is due at `time`, in milliseconds by the clock `now`. */
  at(time: number): void
  stop(): void
}

/** Things that are due within this time are handled together. */
const GATHERED_MS = 50
/** The longest wait before the clock is read again: it may have been changed, and Node's timers cannot wait for months. */
const LONGEST_MS = 60_000

/** One timer for many things. `runDue` handles what is due and returns the next time, or Infinity. */
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
