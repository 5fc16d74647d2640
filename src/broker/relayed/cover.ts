import { includes, overlaps } from '../../topic/match.ts'

/** What is subscribed to for the filters that are in use. */
export interface Cover {
  /** No topic is covered by two of them, so that no broker has a reason to send a message twice. */
  readonly filters: readonly string[]
  /** The filters in use that none of them covers, each with the filter that would have to and may not be subscribed to. */
  readonly left: ReadonlyMap<string, string>
}

/**
 * The fewest disjoint filters that cover all of `inUse`, without those that are `refused`. Earlier filters win: a later one
 * that needs a refused filter is left out.
 */
export function coverOf(inUse: Iterable<string>, refused: ReadonlySet<string> = new Set()): Cover {
  let filters: readonly string[] = []
  const left = new Map<string, string>()
  for (const filter of inUse) {
    const next = withFilter(filters, filter)
    const missing = next.find((one) => refused.has(one))
    if (missing === undefined) filters = next
    else left.set(filter, missing)
  }
  return { filters, left }
}

/** Disjoint filters that cover what `disjoint` and `filter` cover. */
export function withFilter(disjoint: readonly string[], filter: string): readonly string[] {
  if (disjoint.some((one) => covers(one, filter))) return disjoint
  let wide = filter
  let apart = disjoint
  // a wider filter may overlap with others, which makes it wider again
  for (;;) {
    const met = apart.filter((one) => overlaps(one, wide))
    if (met.length === 0) return [...apart, wide]
    apart = apart.filter((one) => !met.includes(one))
    wide = met.reduce(leastCover, wide)
  }
}

/** Whether every topic that `inner` covers is covered by `outer`. */
export function covers(outer: string, inner: string): boolean {
  return outer === inner || includes(outer.split('/'), inner.split('/'))
}

/** The narrowest filter that covers what two filters cover that overlap. */
function leastCover(a: string, b: string): string {
  if (covers(a, b)) return a
  if (covers(b, a)) return b
  const [one, other] = [a.split('/'), b.split('/')]
  const levels: string[] = []
  for (let level = 0; level < Math.max(one.length, other.length); level++) {
    const [x, y] = [one[level], other[level]]
    if (x === undefined || y === undefined || x === '#' || y === '#') {
      levels.push('#')
      break
    }
    levels.push(x === y ? x : '+')
  }
  const wide = levels.join('/')
  // the same topics: every topic has a first level
  return wide === '+/#' ? '#' : wide
}
