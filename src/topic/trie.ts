import { covered } from './covered.ts'
import { countSame, divide, join, levelsOf, type Node, unite } from './trie-node.ts'

/** Values under topic names, or under topic filters, found by level. */
export interface TopicTrie<T> {
  readonly size: number
  get(path: string): T | undefined
  set(path: string, value: T): void
  delete(path: string): void
  clear(): void
  /** The values under filters that cover `topic`. */
  covering(topic: string): T[]
  /**
   * The values under topics that any of `filters` covers, each once, and undefined for a step that found none, so that a
   * long way can be interrupted; changes meanwhile may or may not show.
   */
  covered(filters: readonly string[]): Generator<T | undefined>
}

export function createTopicTrie<T>(): TopicTrie<T> {
  const root: Node<T> = { rest: undefined, children: undefined, value: undefined }
  let size = 0

  /** The node of `path`, what is above it, and by which name; undefined where there is none. */
  function find(path: string): { node: Node<T>; parent: Node<T>; name: string } | undefined {
    const levels = path.split('/')
    let found = { node: root, parent: root, name: '' }
    for (let at = 0; at < levels.length; ) {
      const parent = found.node
      const name = levels[at++] as string
      const node = parent.children?.get(name)
      if (!node) return undefined
      const rest = levelsOf(node)
      if (countSame(rest, levels, at) < rest.length) return undefined
      at += rest.length
      found = { node, parent, name }
    }
    return found
  }

  function set(path: string, value: T): void {
    const levels = path.split('/')
    let node = root
    for (let at = 0; at < levels.length; ) {
      const name = levels[at++] as string
      node.children ??= new Map()
      const child = node.children.get(name)
      if (!child) {
        node.children.set(name, { rest: join(levels.slice(at)), children: undefined, value })
        size += 1
        return
      }
      const rest = levelsOf(child)
      const same = countSame(rest, levels, at)
      if (same < rest.length) divide(child, rest, same)
      at += same
      node = child
    }
    if (node.value === undefined) size += 1
    node.value = value
  }

  function remove(path: string): void {
    const found = find(path)
    if (found?.node.value === undefined) return
    const { node, parent, name } = found
    node.value = undefined
    size -= 1
    if (node.children) {
      unite(node)
      return
    }
    parent.children?.delete(name)
    if (parent.children?.size === 0) parent.children = undefined
    if (parent !== root) unite(parent)
  }

  function covering(topic: string): T[] {
    const levels = topic.split('/')
    const found: T[] = []
    const take = (node: Node<T> | undefined) => {
      if (node?.value !== undefined) found.push(node.value)
    }
    const walk = (node: Node<T>, from: number) => {
      let depth = from
      if (node.rest !== undefined)
        for (const level of levelsOf(node)) {
          if (level === '#') return take(node)
          if (depth === levels.length || (level !== '+' && level !== levels[depth])) return
          depth += 1
        }
      const wild = depth > 0 || !topic.startsWith('$')
      if (wild) take(node.children?.get('#'))
      const level = levels[depth]
      if (level === undefined) return take(node)
      const plus = wild ? node.children?.get('+') : undefined
      if (plus) walk(plus, depth + 1)
      const exact = node.children?.get(level)
      if (exact) walk(exact, depth + 1)
    }
    walk(root, 0)
    return found
  }

  return {
    get size() {
      return size
    },
    get: (path) => find(path)?.node.value,
    set,
    delete: remove,
    clear() {
      root.children = undefined
      root.value = undefined
      size = 0
    },
    covering,
    covered: (filters) => covered(root, filters),
  }
}
