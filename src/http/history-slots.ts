import { GatewayError } from '../errors.ts'

/** Answers under way: for one device or viewer, and for all. */
const MOST_ANSWERS = { each: 8, all: 64 } as const

/** Bounds how many answers of `/history` are under way at the same time. */
export interface HistorySlots {
  /** Takes a slot for `id` and returns the function that gives it back; throws a `rate_limited` where none is left. */
  take(id: string): () => void
}

export function createHistorySlots(): HistorySlots {
  const taken = new Map<string, number>()
  let all = 0

  function giveBack(id: string): void {
    const left = (taken.get(id) ?? 1) - 1
    if (left === 0) taken.delete(id)
    else taken.set(id, left)
    all -= 1
  }

  return {
    take(id) {
      const own = taken.get(id) ?? 0
      if (own >= MOST_ANSWERS.each || all >= MOST_ANSWERS.all)
        throw new GatewayError(
          'rate_limited',
          own >= MOST_ANSWERS.each
            ? `${id} is reading ${own} history answers at the same time, which is the limit.`
            : `${all} answers of history are being read, and no more are allowed at the same time.`,
          { retryAfter: 1 },
        )
      taken.set(id, own + 1)
      all += 1
      let isTaken = true
      return () => {
        if (isTaken) giveBack(id)
        isTaken = false
      }
    },
  }
}
