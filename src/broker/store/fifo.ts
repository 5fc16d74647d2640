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
  return new SetFifo(members)
}

/** What an empty one holds: there are tens of thousands, and most never get a member. */
const NOTHING = new Set<never>()

/** A class, because closures would take several times the memory. */
class SetFifo<T extends object> implements Fifo<T> {
  #set: Set<T> = NOTHING
  /** Kept, because a new one would walk over all deleted members before the first one. */
  #rest: Iterator<T> | null = null
  #first: T | undefined

  constructor(members: Iterable<T>) {
    for (const member of members) this.add(member)
  }

  size(): number {
    return this.#set.size
  }

  add(member: T): void {
    if (this.#set === NOTHING) this.#set = new Set()
    this.#set.add(member)
  }

  delete(member: T): boolean {
    if (member === this.#first) this.#first = undefined
    return this.#set.delete(member)
  }

  first(): T | undefined {
    if (this.#first || this.#set.size === 0) return this.#first
    this.#first = this.#next() ?? this.#startAgain()
    return this.#first
  }

  #next(): T | undefined {
    return this.#rest?.next().value
  }

  #startAgain(): T | undefined {
    this.#rest = this.#set.values()
    return this.#next()
  }

  values(): Iterable<T> {
    return this.#set.values()
  }
}
