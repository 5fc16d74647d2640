import { filterIncludes, leastCover, overlaps } from '../../topic/match.ts'

/** The subscriptions that serve all filters in use. */
export interface Cover {
  /** Disjoint, so that no broker sends a message twice. */
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

export const EMPTY_COVER: Cover = { filters: [], left: new Map() }

/** The fewest disjoint filters that cover all filters in use. Within the bounds earlier filters win, and later ones are left uncovered. */
export function coverOf(inUse: Iterable<string>, bounds: CoverBounds): Cover {
  return extended(EMPTY_COVER, inUse, bounds)
}

/** The same cover if it covers the filter already. */
export function withFilter(cover: Cover, filter: string, bounds: CoverBounds): Cover {
  return isCovered(cover.filters, filter) ? cover : extended(cover, [filter], bounds)
}

function extended(cover: Cover, added: Iterable<string>, { refused, most }: CoverBounds): Cover {
  let { filters } = cover
  // one copy for all: there may be thousands
  const left = new Map(cover.left)
  for (const filter of added) {
    const met = filters.filter((one) => overlaps(one, filter))
    if (isCovered(met, filter)) continue
    const merged = merge(filters, filter, met)
    if (!refused.has(merged.wide) && merged.filters.length <= most) filters = merged.filters
    else left.set(filter, merged.wide)
  }
  return { filters, left }
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
  const gone = new Set(stale)
  const filters = cover.filters.filter((filter) => !gone.has(filter))
  const affected = [...inUse].filter((one) => cover.left.has(one) || isCovered(stale, one))
  return extended({ filters, left: new Map() }, affected, bounds)
}

/** Whether one of `filters` covers everything that `filter` covers. */
export function isCovered(filters: readonly string[], filter: string): boolean {
  return filters.some((one) => filterIncludes(one, filter))
}

/**
 * Disjoint filters that cover what `disjoint` and `filter` cover, and the one of them that covers `filter`. `meeting`: those that
 * overlap with it.
 */
function merge(disjoint: readonly string[], filter: string, meeting: readonly string[]) {
  let wide = filter
  let apart = disjoint
  // a wider filter may overlap with others, which makes it wider again
  for (let met = new Set(meeting); met.size > 0; ) {
    const before = met
    apart = apart.filter((one) => !before.has(one))
    wide = [...met].reduce(leastCover, wide)
    met = new Set(apart.filter((one) => overlaps(one, wide)))
  }
  return { filters: [...apart, wide], wide }
}
