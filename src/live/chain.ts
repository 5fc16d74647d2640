/** An item that can be in one chain at a time. */
export interface Link<T> {
  before: T | null
  after: T | null
}

/** Items in the order in which they were added. A chain needs two fields of each item, and no other memory. */
export interface Chain<T> {
  first(): T | null
  add(member: T): void
  /** Removes a member of this chain. */
  remove(member: T): void
}

export function createChain<T extends Link<T>>(): Chain<T> {
  let first: T | null = null
  let last: T | null = null

  return {
    first: () => first,
    add(member) {
      member.before = last
      if (last) last.after = member
      else first = member
      last = member
    },
    remove(member) {
      const { before, after } = member
      if (before) before.after = after
      else first = after
      if (after) after.before = before
      else last = before
      member.before = null
      member.after = null
    },
  }
}
