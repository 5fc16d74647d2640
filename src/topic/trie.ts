interface Node<T> {
  children: Map<string, Node<T>> | undefined
  value: T | undefined
}

/** Values under topic names, or under topic filters, found by level. */
export interface TopicTrie<T> {
  readonly size: number
  get(path: string): T | undefined
  set(path: string, value: T): void
  delete(path: string): void
  /** The values under filters that cover `topic`. */
  covering(topic: string): T[]
  /**
   * The values under topics that `filter` covers, and undefined for a step that found none, so that
   * a long way can be interrupted; changes meanwhile may or may not show.
   */
  covered(filter: string): Generator<T | undefined>
}

export function createTopicTrie<T>(): TopicTrie<T> {
  const root = createNode<T>()
  let size = 0

  function find(path: string): Node<T> | undefined {
    let node: Node<T> | undefined = root
    for (const level of path.split('/')) {
      node = node.children?.get(level)
      if (!node) return undefined
    }
    return node
  }

  function set(path: string, value: T): void {
    let node = root
    for (const level of path.split('/')) {
      node.children ??= new Map()
      let child = node.children.get(level)
      if (!child) {
        child = createNode<T>()
        node.children.set(level, child)
      }
      node = child
    }
    if (node.value === undefined) size += 1
    node.value = value
  }

  function remove(path: string): void {
    const levels = path.split('/')
    const parents: Node<T>[] = []
    let node = root
    for (const level of levels) {
      const child = node.children?.get(level)
      if (!child) return
      parents.push(node)
      node = child
    }
    if (node.value === undefined) return
    node.value = undefined
    size -= 1
    for (const [index, level] of [...levels.entries()].reverse()) {
      if (node.value !== undefined || node.children?.size) return
      node = parents[index] as Node<T>
      node.children?.delete(level)
    }
  }

  function covering(topic: string): T[] {
    const levels = topic.split('/')
    const found: T[] = []
    const take = (node: Node<T> | undefined) => {
      if (node?.value !== undefined) found.push(node.value)
    }
    const walk = (node: Node<T>, depth: number) => {
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

  function* covered(filter: string): Generator<T | undefined> {
    const levels = filter.split('/')
    function* walk(node: Node<T>, depth: number): Generator<T | undefined> {
      const level = levels[depth]
      yield level === undefined || level === '#' ? node.value : undefined
      if (level === '#') for (const child of below(node)) yield* walk(child, depth)
      else if (level === '+') for (const child of below(node)) yield* walk(child, depth + 1)
      else if (level !== undefined) {
        const child = node.children?.get(level)
        if (child) yield* walk(child, depth + 1)
      }
    }
    yield* walk(root, 0)
  }

  // wildcards in the first level never cover names that start with "$" [MQTT-4.7.2-1]
  function* below(node: Node<T>): Generator<Node<T>> {
    for (const [level, child] of node.children ?? [])
      if (node !== root || !level.startsWith('$')) yield child
  }

  return {
    get size() {
      return size
    },
    get: (path) => find(path)?.value,
    set,
    delete: remove,
    covering,
    covered,
  }
}

function createNode<T>(): Node<T> {
  return { children: undefined, value: undefined }
}
