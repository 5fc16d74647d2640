/** What stands below one level of a path. */
export interface Node<T> {
  /** The levels that follow, as long as there is only one way on and no value: a path of many levels is one node. */
  rest: string | undefined
  children: Map<string, Node<T>> | undefined
  value: T | undefined
}

/** The levels in `rest`. */
export function levelsOf({ rest }: Node<unknown>): readonly string[] {
  return rest === undefined ? NONE : rest.split('/')
}

const NONE: readonly string[] = []

/** Levels as a text for `rest`. */
export function join(levels: readonly string[]): string | undefined {
  return levels.length === 0 ? undefined : levels.join('/')
}

/** How many levels of `rest` are the same as the levels from `at` on. */
export function countSame(rest: readonly string[], levels: readonly string[], at: number): number {
  let same = 0
  while (same < rest.length && rest[same] === levels[at + same]) same += 1
  return same
}

/** Splits a node after `count` of its levels: the rest, and everything below, moves into a new child. */
export function divide<T>(node: Node<T>, rest: readonly string[], count: number): void {
  const { children, value } = node
  node.children = new Map([
    [rest[count] as string, { rest: join(rest.slice(count + 1)), children, value }],
  ])
  node.rest = join(rest.slice(0, count))
  node.value = undefined
}

/** Merges a node without a value with its only child. */
export function unite<T>(node: Node<T>): void {
  if (node.value !== undefined || node.children?.size !== 1) return
  for (const [name, child] of node.children) {
    node.rest = join([...levelsOf(node), name, ...levelsOf(child)])
    node.children = child.children
    node.value = child.value
  }
}
