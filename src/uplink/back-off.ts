const SHORTEST_MS = 250
const LONGEST_MS = 30_000
/** A connection that lasted as long as this was a good one. */
const STEADY_MS = 10_000

/** How long to pause between attempts: each time about twice as long as before, and different for each gateway. */
export interface BackOff {
  /** The length of the next pause in milliseconds. Each call doubles the following one, up to a limit. */
  nextMs(): number
  /** A connection has ended. If it was useful, or lasted for some time, the next pause is short again. */
  noteConnection(lastedMs: number, wasUseful: boolean): void
}

export function createBackOff(random: () => number = Math.random): BackOff {
  let longestMs = SHORTEST_MS
  return {
    nextMs() {
      const pauseMs = longestMs * (0.5 + random() / 2)
      longestMs = Math.min(longestMs * 2, LONGEST_MS)
      return pauseMs
    },
    noteConnection(lastedMs, wasUseful) {
      if (wasUseful || lastedMs >= STEADY_MS) longestMs = SHORTEST_MS
    },
  }
}
