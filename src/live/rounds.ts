import { onceNextTurn } from '../turns/next-turn.ts'
import type { Entry } from './entry.ts'

/**
 * Gives entries to the readers of audiences. Many readers get an entry in several turns of the event loop: others need not wait
 * until it is written to all of them, and what each write needs is in the processor's cache until the write is done.
 */
export interface Rounds<R> {
  /** Gives the entry to all readers of an audience, to the first of them at once. They get all of the entry before it first. */
  deliver(entry: Entry, readers: ReadonlySet<R>): void
  /** Gives these readers at once what they would get in later turns: before a reader joins or all leave. */
  finish(readers: ReadonlySet<R>): void
  finishAll(): void
}

/** An entry on its way to the readers of an audience. */
interface Round<R> {
  readonly entry: Entry
  readonly readers: ReadonlySet<R>
  readonly rest: Iterable<R>
  /** The most readers that do not have it yet. */
  left: number
}

/** Milliseconds of one turn of the event loop. */
const SLICE_MS = 2
/** Readers between two looks at the clock. */
const STEP = 16

/** `give` gives an entry to the next `most` readers, also after one that fails. It must not throw. */
export function createRounds<R>(
  give: (entry: Entry, rest: Iterable<R>, most: number) => void,
  now: () => number = () => performance.now(),
): Rounds<R> {
  // one for each audience, so what waits has a bound
  const underway: Round<R>[] = []
  const plan = onceNextTurn(turn)

  function turn(): void {
    const round = underway[0]
    if (!round) return
    giveSome(round)
    if (round.left === 0) underway.shift()
    if (underway.length > 0) plan()
  }

  function giveSome(round: Round<R>): void {
    const { entry, rest } = round
    const until = now() + SLICE_MS
    do {
      const most = Math.min(round.left, STEP)
      round.left -= most
      give(entry, rest, most)
    } while (round.left > 0 && now() < until)
  }

  function finish(readers: ReadonlySet<R>): void {
    const index = underway.findIndex((round) => round.readers === readers)
    const [round] = index === -1 ? [] : underway.splice(index, 1)
    if (round) give(round.entry, round.rest, round.left)
  }

  return {
    deliver(entry, readers) {
      if (underway.length > 0) finish(readers)
      if (readers.size <= STEP) {
        give(entry, readers.values(), readers.size)
        return
      }
      const round = { entry, readers, rest: readers.values(), left: readers.size }
      giveSome(round)
      if (round.left === 0) return
      underway.push(round)
      plan()
    },
    finish,
    finishAll() {
      for (const { entry, rest, left } of underway.splice(0)) give(entry, rest, left)
    },
  }
}
