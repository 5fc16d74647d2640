import { setTimeout } from 'node:timers/promises'

const SHORTEST_MS = 250
const LONGEST_MS = 30_000
/** A connection that lasted as long as this was a good one. */
const STEADY_MS = 10_000

/** Pauses between attempts: each about twice as long as the one before, and none the same for two gateways. */
export interface BackOff {
  /** Resolves after the next pause, or when `stop` is aborted. */
  pause(stop: AbortSignal): Promise<void>
  /** There was a connection; one that did its work for some time, or at all, makes the next pause short. */
  noteConnection(milliseconds: number, wasUseful: boolean): void
}

export function createBackOff(random: () => number = Math.random): BackOff {
  let longest = SHORTEST_MS
  return {
    async pause(signal) {
      const milliseconds = longest * (0.5 + random() / 2)
      longest = Math.min(longest * 2, LONGEST_MS)
      await setTimeout(milliseconds, undefined, { signal, ref: false }).catch(() => {})
    },
    noteConnection(milliseconds, wasUseful) {
      if (wasUseful || milliseconds >= STEADY_MS) longest = SHORTEST_MS
    },
  }
}
