/** Waits before a commit until those who waited for the one before have had time for their next change. */
export interface Gathering {
  /** Resolves once as many wait as are expected, or after a short time. Null where waiting would gain nothing. */
  wait(waiting: number): Promise<void> | null
  /** One more waits. */
  came(waiting: number): void
  /** A commit is done: so many waited for it, or came while it was being stored. */
  committed(involved: number): void
}

/** One commit of 32 changes costs three quarters of two of 16. With fewer, waiting would gain too little. */
const MANY = 8
const MOST_MS = 1

export function createGathering(mostMs = MOST_MS): Gathering {
  let expected = 0
  let whenComplete: (() => void) | null = null

  return {
    wait(waiting) {
      if (expected < MANY || waiting >= expected) return null
      return new Promise((resolve) => {
        const limit = setTimeout(resolve, mostMs)
        whenComplete = () => {
          clearTimeout(limit)
          resolve()
        }
      })
    },
    came(waiting) {
      if (waiting < expected || whenComplete === null) return
      whenComplete()
      whenComplete = null
    },
    committed(involved) {
      expected = involved
      whenComplete = null
    },
  }
}
