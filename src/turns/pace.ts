import { setImmediate as nextTurn } from 'node:timers/promises'

/** What long walks share, so that all of them together leave the event loop to others: `while (!pace.take()) await pace.turn()`. */
export interface Pace {
  /** Whether one more step may be taken in this turn of the event loop. */
  take(): boolean
  /** Resolves in the next one. */
  turn(): Promise<void>
}

/** `stepsEachTurn`: the steps of all walks together in one turn of the event loop. */
export function createPace(stepsEachTurn: number): Pace {
  let left = stepsEachTurn
  let waiting: Promise<void> | undefined

  async function wait(): Promise<void> {
    await nextTurn()
    left = stepsEachTurn
    waiting = undefined
  }

  return {
    take() {
      if (left === 0) return false
      left -= 1
      return true
    },
    turn() {
      waiting ??= wait()
      return waiting
    },
  }
}
