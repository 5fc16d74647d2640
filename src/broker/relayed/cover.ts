import { includes, overlaps } from '../../topic/match.ts'

/** What is subscribed to for the filters that are in use. */
export interface Cover {
  /** No topic is covered by two of them, so that no broker has a reason to send a message twice. */
  readonly filters: readonly string[]
  /** The filters in use that none of them covers, each with the filter that it needs. */
  readonly left: ReadonlyMap<string, string>
}

export interface CoverBounds {
  /** Filters that may not be subscribed to. */
  readonly refused: { has(filter: string): boolean }
  /** Most filters that are subscribed to. */
  readonly most: number
}

export const EMPTY: Cover = { filters: [], left: new Map() }

/** The fewest disjoint filters that cover all that are in use. Where that cannot be, earlier ones win, and a later one is left. */
export function coverOf(inUse: Iterable<string>, bounds: CoverBounds): Cover {
  let cover = EMPTY
  for (const filter of inUse) cover = withFilter(cover, filter, bounds)
  return cover
}

export function withFilter(cover: Cover, filter: string, { refused, most }: CoverBounds): Cover {
  const { left } = cover
  if (isCovered(cover.filters, filter)) return cover
  const { filters, wide } = merge(cover.filters, filter)
  if (!refused.has(wide) && filters.length <= most) return { filters, left }
  return { filters: cover.filters, left: new Map([...left, [filter, wide]]) }
}

/**
 * The cover without those of its filters that are `stale`: for what is still in use, and asked for by them or left before, it has
 * others.
 */
export function regroup(
  cover: Cover,
  stale: readonly string[],
  inUse: Iterable<string>,
  bounds: CoverBounds,
): Cover {
  const filters = cover.filters.filter((filter) => !stale.includes(filter))
  let next: Cover = { filters, left: new Map() }
  for (const filter of inUse)
    if (cover.left.has(filter) || isCovered(stale, filter)) next = withFilter(next, filter, bounds)
  return next
}

export function isCovered(filters: readonly string[], filter: string): boolean {
  return filters.some((one) => covers(one, filter))
}

/** Disjoint filters that cover what `disjoint` and `filter` cover, and the one of them that covers `filter`. */
function merge(disjoint: readonly string[], filter: string) {
  let wide = filter
  let apart = disjoint
  // a wider filter may overlap with others, which makes it wider again
  for (;;) {
    const met = apart.filter((one) => overlaps(one, wide))
    if (met.length === 0) return { filters: [...apart, wide], wide }
    apart = apart.filter((one) => !met.includes(one))
    wide = met.reduce(leastCover, wide)
  }
}

function covers(outer: string, inner: string): boolean {
  // the usual one, and no work
  if (outer === '#') return !inner.startsWith('$')
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
