import { onceNextTurn } from '../turns/next-turn.ts'
import type { Entry } from './entry.ts'

/**
 * Gives entries to the readers of audiences. Many readers get an entry in several turns of the event loop, be they of one
 * audience or of many: others need not wait until it is written to all of them, and what each write needs is in the processor's
 * cache until the write is done.
 */
export interface Rounds<R> {
  /**
   * Gives the entry to all readers of an audience, in later turns if it has been given to many already. They get all of the
   * entry before it first.
   */
  deliver(entry: Entry, readers: ReadonlySet<R>): void
  /** Gives these readers at once what they would get in later turns: before a reader joins or all leave. */
  finish(readers: ReadonlySet<R>): void
  finishAll(): void
}

/** An entry on its way to the readers of an audience. */
interface Round<R> {
  readonly entry: Entry
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
  const underway = new Map<ReadonlySet<R>, Round<R>>()
  const plan = onceNextTurn(turn)
  const slice = createSlice(now)
  /** The number of the entry that is being delivered, to one audience after the other. */
  let latest: number | null = null

  function turn(): void {
    slice.begin()
    for (const [readers, round] of underway) {
      giveSome(round)
      if (round.left > 0) break
      underway.delete(readers)
    }
    if (underway.size > 0) plan()
  }

  function giveSome(round: Round<R>): void {
    while (round.left > 0) {
      const most = slice.take(round.left)
      if (most === 0) return
      round.left -= most
      give(round.entry, round.rest, most)
    }
  }

  function finish(readers: ReadonlySet<R>): void {
    const round = underway.get(readers)
    if (!round) return
    underway.delete(readers)
    give(round.entry, round.rest, round.left)
  }

  return {
    deliver(entry, readers) {
      if (underway.size > 0) finish(readers)
      if (entry.sequence !== latest) {
        latest = entry.sequence
        slice.begin()
      }
      const round = { entry, rest: readers.values(), left: readers.size }
      giveSome(round)
      if (round.left === 0) return
      underway.set(readers, round)
      plan()
    },
    finish,
    finishAll() {
      for (const readers of underway.keys()) finish(readers)
    },
  }
}

/** The time for giving entries in one turn of the event loop. */
interface Slice {
  begin(): void
  /** How many of `most` readers may be given an entry now; 0 when the time is over. */
  take(most: number): number
}

function createSlice(now: () => number): Slice {
  let left = 0
  let until = 0

  return {
    begin() {
      left = STEP
      until = now() + SLICE_MS
    },
    take(most) {
      if (left === 0) {
        if (now() >= until) return 0
        left = STEP
      }
      const taken = Math.min(most, left)
      left -= taken
      return taken
    },
  }
}
