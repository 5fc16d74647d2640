import { levelsOf, type Node } from './trie-node.ts'

/** A filter that has covered the levels before `at`. */
interface Covering {
  readonly levels: readonly string[]
  readonly at: number
}

const NO_FILTERS: readonly Covering[] = []
/** Filters that one step looks at. */
const STEP_FILTERS = 32

/**
 * The values under topics that any of `filters` covers, each once, and undefined for a step that found none.
 */
export function* covered<T>(root: Node<T>, filters: readonly string[]): Generator<T | undefined> {
  yield* walk(
    root,
    filters.map((filter) => ({ levels: filter.split('/'), at: 0 })),
    0,
  )
}

/** `filters` are those that have covered every level on the way to `node`, each with how far that is. */
function* walk<T>(
  node: Node<T>,
  filters: readonly Covering[],
  depth: number,
): Generator<T | undefined> {
  const rest = levelsOf(node)
  // as they belong together now: the node may be divided while this waits
  const { children, value } = node
  if (!children) {
    yield filters.some((filter) => isDone(pass(filter, rest))) ? value : undefined
    return
  }
  const covering = filters.map((filter) => pass(filter, rest)).filter((filter) => filter !== null)
  for (let work = covering.length; work > STEP_FILTERS; work -= STEP_FILTERS) yield undefined
  yield covering.some(isDone) ? value : undefined
  const { all, wild, named } = sort(covering)
  for (const name of wild.length > 0 ? children.keys() : named.keys()) {
    const child = children.get(name)
    if (!child) continue
    // wildcards in the first level never cover names that start with "$" [MQTT-4.7.2-1]
    const isHidden = depth === 0 && name.startsWith('$')
    const exact = named.get(name) ?? NO_FILTERS
    // "#" covers everything below, so the other filters need not be tried
    const next = isHidden ? exact : (all ?? [...wild, ...exact])
    if (next.length > 0) yield* walk(child, next, depth + 1)
  }
}

/** The filter after these levels: itself at "#", null where it does not cover them. */
function pass(filter: Covering, passed: readonly string[]): Covering | null {
  const { levels, at } = filter
  for (const [index, level] of passed.entries()) {
    const own = levels[at + index]
    if (own === '#') return { levels, at: at + index }
    if (own !== '+' && own !== level) return null
  }
  return passed.length === 0 ? filter : { levels, at: at + passed.length }
}

/** "a/#" covers "a" too [MQTT-4.7.1-2]. */
function isDone(filter: Covering | null): boolean {
  return filter !== null && (filter.at === filter.levels.length || filter.levels[filter.at] === '#')
}

/** By their next level, which they have passed then: one that ends with "#", those with a wildcard, and the others by name. */
function sort(filters: readonly Covering[]) {
  let all: readonly Covering[] | null = null
  const wild: Covering[] = []
  const named = new Map<string, Covering[]>()
  for (const filter of filters) {
    const level = filter.levels[filter.at]
    if (level === undefined) continue
    if (level === '#') all = [filter]
    const next = level === '#' ? filter : { levels: filter.levels, at: filter.at + 1 }
    const same = named.get(level)
    if (level === '#' || level === '+') wild.push(next)
    else if (same) same.push(next)
    else named.set(level, [next])
  }
  return { all, wild, named }
}
