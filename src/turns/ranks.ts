/** Items that wait: first those of the lowest rank, in the order in which they were added. */
export interface Ranks<T> {
  add(item: T, rank: number): void
  /** Removes the next item; undefined if there is none. */
  take(): T | undefined
}

interface Rank<T> {
  readonly rank: number
  readonly items: T[]
}

/** For few ranks at a time. It uses no `Map`, because a device that is alone comes and goes with each of its requests. */
export function createRanks<T>(): Ranks<T> {
  const ranks: Rank<T>[] = []

  function remove(index: number): void {
    const last = ranks.pop() as Rank<T>
    if (index < ranks.length) ranks[index] = last
  }

  return {
    add(item, rank) {
      const same = ranks.find((one) => one.rank === rank)
      if (same) same.items.push(item)
      else ranks.push({ rank, items: [item] })
    },
    take() {
      let lowest = 0
      for (const [index, { rank }] of ranks.entries())
        if (rank < (ranks[lowest] as Rank<T>).rank) lowest = index
      const next = ranks[lowest]
      const item = next?.items.shift()
      if (next?.items.length === 0) remove(lowest)
      return item
    },
  }
}
