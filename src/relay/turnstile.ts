import type { RateLimit } from './rate-limit.ts'

/** Lets each key through as fast as its rate allows; those who have to wait go in the order in which they came. */
export interface Turnstile {
  /** Null for whoever may go on at once. Otherwise calls `go` when its turn has come, unless what is returned is called before. */
  enter(key: string, go: () => void): (() => void) | null
}

/** One timer for each key, however many wait: a device can have thousands of connections. */
export function createTurnstile(limit: RateLimit): Turnstile {
  const lines = new Map<string, Set<() => void>>()

  function advance(key: string, line: Set<() => void>): void {
    for (const go of line) {
      const wait = limit.take(key)
      if (wait > 0) {
        advanceIn(wait, key, line)
        return
      }
      line.delete(go)
      go()
    }
    lines.delete(key)
  }

  function advanceIn(seconds: number, key: string, line: Set<() => void>): void {
    setTimeout(advance, seconds * 1000, key, line).unref()
  }

  return {
    enter(key, go) {
      let line = lines.get(key)
      if (!line) {
        const wait = limit.take(key)
        if (wait === 0) return null
        line = new Set()
        lines.set(key, line)
        advanceIn(wait, key, line)
      }
      const own = line.add(go)
      return () => void own.delete(go)
    },
  }
}
