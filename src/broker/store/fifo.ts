/** A set in the order of adding. Its first member is found at once, however many have gone before it. */
export interface Fifo<T> {
  size(): number
  add(member: T): void
  /** Whether it was there. */
  delete(member: T): boolean
  first(): T | undefined
  values(): Iterable<T>
}

export function createFifo<T extends object>(members: Iterable<T> = []): Fifo<T> {
  const set = new Set(members)
  // the iterator is kept: a new one would walk over all deleted members before the first one
  let rest = set.values()
  let first: T | undefined

  return {
    size: () => set.size,
    add: (member) => set.add(member),
    delete(member) {
      if (member === first) first = undefined
      return set.delete(member)
    },
    first() {
      if (first || set.size === 0) return first
      let step = rest.next()
      if (step.done) {
        rest = set.values()
        step = rest.next()
      }
      first = step.value
      return first
    },
    values: () => set.values(),
  }
}
