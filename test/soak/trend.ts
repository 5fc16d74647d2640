import { median } from '../../bench/support/rounds.ts'

/** Resources of a gateway without connected clients. */
export interface State {
  /** Bytes after a garbage collection. */
  readonly heap: number
  readonly rss: number
  /** Descriptors, handles, listeners, connections, sessions, held bytes and so on, by name; a missing one is 0. */
  readonly counts: Readonly<Record<string, number>>
}

export interface Growth {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Bytes by which memory may grow. */
export interface MemoryBounds {
  readonly heap: number
  readonly rss: number
}

/**
 * Returns what grew between the first and the last third of the rounds: a count that was higher in all of the last third than in
 * any round of the first, and memory whose median grew by more than its bound. Needs at least three rounds.
 */
export function findGrowth(rounds: readonly State[], most: MemoryBounds): Growth[] {
  const third = Math.floor(rounds.length / 3)
  if (third < 1) throw new Error(`${rounds.length} rounds are too few to compare`)
  const first = rounds.slice(0, third)
  const last = rounds.slice(-third)
  const names = new Set(rounds.flatMap(({ counts }) => Object.keys(counts)))
  const counts = [...names].map((name): Growth => {
    const values = (of: readonly State[]) => of.map((state) => state.counts[name] ?? 0)
    return { name, from: Math.max(...values(first)), to: Math.min(...values(last)) }
  })
  const memory = (['heap', 'rss'] as const).map(
    (name): Growth => ({ name, from: middle(first, name), to: middle(last, name) }),
  )
  return [
    ...counts.filter(({ from, to }) => to > from),
    ...memory.filter(({ name, from, to }) => to - from > most[name as keyof MemoryBounds]),
  ]
}

function middle(states: readonly State[], name: keyof MemoryBounds): number {
  return median(states.map((state) => state[name]))
}

/** Whether each count of `state` is at most that of `before`. */
export function isBack(state: State, before: State): boolean {
  return Object.entries(state.counts).every(([name, value]) => value <= (before.counts[name] ?? 0))
}
