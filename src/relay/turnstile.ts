import type { RateLimit } from '../budget/rate-limit.ts'

/** Lets each key through at the rate of its limit; calls that have to wait keep their order. */
export interface Turnstile {
  /**
   * Takes `cost`. Returns null if the caller may go on at once; otherwise calls `go` in its turn, unless the returned function
   * is called before.
   */
  enter(key: string, cost: number, go: () => void): (() => void) | null
}

interface WaitingMessage {
  readonly cost: number
  readonly go: () => void
}

/** One timer for each key, however many wait: a device can have thousands of connections. */
export function createTurnstile(limit: Pick<RateLimit, 'take'>): Turnstile {
  const lines = new Map<string, Set<WaitingMessage>>()

  function advance(key: string, line: Set<WaitingMessage>): void {
    for (const waiting of line) {
      const wait = limit.take(key, waiting.cost)
      if (wait > 0) {
        advanceIn(wait, key, line)
        return
      }
      line.delete(waiting)
      waiting.go()
    }
    lines.delete(key)
  }

  function advanceIn(seconds: number, key: string, line: Set<WaitingMessage>): void {
    setTimeout(advance, seconds * 1000, key, line).unref()
  }

  return {
    enter(key, cost, go) {
      let line = lines.get(key)
      if (!line) {
        const wait = limit.take(key, cost)
        if (wait === 0) return null
        line = new Set()
        lines.set(key, line)
        advanceIn(wait, key, line)
      }
      const waiting = { cost, go }
      const own = line.add(waiting)
      return () => void own.delete(waiting)
    },
  }
}
