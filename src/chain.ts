/** An item that can be in one chain at a time. */
export interface Link<T> {
  before: T | null
  after: T | null
}

/**
 * Items in the order in which they were added. For things that come and go with each request or message, instead of a `Set` or
 * `Map`: a hash table that grows or is cleaned leaves its old table pointing to the new one, so once one of them is in V8's old
 * generation, each keeps all entries of the next alive until a full collection, and every scavenge has to copy them.
 */
export interface Chain<T> {
  first(): T | null
  readonly size: number
  add(item: T): void
  /** Removes an item. Does nothing if it is in no chain. */
  remove(item: T): void
  /** Calls `act` with each item, which may remove that item but no other. */
  each(act: (item: T) => void): void
}

export function createChain<T extends Link<T>>(): Chain<T> {
  return new LinkedItems<T>()
}

/** A class, because each connection has a chain: closures would take ten times the memory. */
class LinkedItems<T extends Link<T>> implements Chain<T> {
  #first: T | null = null
  #last: T | null = null
  #size = 0

  first(): T | null {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  add(item: T): void {
    const last = this.#last
    item.before = last
    if (last) last.after = item
    else this.#first = item
    this.#last = item
    this.#size += 1
  }

  remove(item: T): void {
    const { before, after } = item
    if (!before && this.#first !== item) return
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    else this.#last = before
    // an item that is gone must keep no other one alive
    item.before = null
    item.after = null
    this.#size -= 1
  }

  each(act: (item: T) => void): void {
    for (let item = this.#first; item; ) {
      const next: T | null = item.after
      act(item)
      item = next
    }
  }
}
