/** A sorted list in blocks: adding or removing an item moves one block at most. Do not change it while iterating. */
export interface Sorted<T> {
  readonly size: number
  /** Adds an item that is equal to no other. */
  add(item: T): void
  /** Returns whether the item was there. */
  delete(item: T): boolean
  first(): T | undefined
  last(): T | undefined
  /** From the first item that is not below the searched place. */
  forward(isBelow: (item: T) => boolean): Generator<T, void>
  /** From the last item that is not above the searched place, back to the first. */
  backward(isAbove: (item: T) => boolean): Generator<T, void>
}

const BLOCK_ITEMS = 256

export function createSorted<T>(compare: (one: T, other: T) => number): Sorted<T> {
  // no block is ever empty
  const blocks: T[][] = []
  // the index of the first item in the first block: items removed from the front leave a hole there
  let head = 0
  let size = 0

  const startOf = (at: number) => (at === 0 ? head : 0)

  const lastOf = (block: T[]) => block[block.length - 1] as T

  /** The index of the first block for whose last item `isBelow` is false. */
  function blockFrom(isBelow: (item: T) => boolean): number {
    return firstIndex(blocks, (block) => !isBelow(lastOf(block)))
  }

  function place(item: T): { block: T[] | undefined; index: number; at: number } {
    const isBelow = (other: T) => compare(other, item) < 0
    const at = blockFrom(isBelow)
    const block = blocks[at]
    const index = block ? firstIndex(block, (other) => !isBelow(other), startOf(at)) : 0
    return { block, at, index }
  }

  function append(item: T): void {
    const last = blocks.at(-1)
    if (last && last.length < BLOCK_ITEMS) last.push(item)
    else blocks.push([item])
  }

  function removeFirst(block: (T | undefined)[]): void {
    block[head] = undefined
    head += 1
    if (head < block.length) return
    blocks.shift()
    head = 0
  }

  function closeHole(first: T[]): void {
    first.splice(0, head)
    head = 0
  }

  function removeFrom(block: T[], at: number, index: number): void {
    block.splice(index, 1)
    if (block.length === startOf(at)) {
      blocks.splice(at, 1)
      if (at === 0) head = 0
      return
    }
    const next = blocks[at + 1]
    if (!next || block.length + next.length > BLOCK_ITEMS / 2) return
    block.push(...next)
    blocks.splice(at + 1, 1)
  }

  return {
    get size() {
      return size
    },
    add(item) {
      size += 1
      const last = blocks.at(-1)
      if (!last || compare(lastOf(last), item) < 0) return append(item)
      const { block = last, at, index } = place(item)
      block.splice(index, 0, item)
      if (at === 0) closeHole(block)
      if (block.length > BLOCK_ITEMS) blocks.splice(at + 1, 0, block.splice(BLOCK_ITEMS / 2))
    },
    delete(item) {
      const oldest = blocks[0]
      if (oldest?.[head] === item) {
        size -= 1
        removeFirst(oldest)
        return true
      }
      const { block, at, index } = place(item)
      if (block?.[index] !== item) return false
      size -= 1
      removeFrom(block, at, index)
      return true
    },
    first: () => blocks[0]?.[head],
    last: () => blocks.at(-1)?.at(-1),
    *forward(isBelow) {
      const start = blockFrom(isBelow)
      for (let at = start; at < blocks.length; at++) {
        const block = blocks[at] as T[]
        const low = startOf(at)
        const from = at === start ? firstIndex(block, (item) => !isBelow(item), low) : low
        for (let index = from; index < block.length; index++) yield block[index] as T
      }
    },
    *backward(isAbove) {
      const start = Math.min(
        firstIndex(blocks, (block) => isAbove(lastOf(block))),
        blocks.length - 1,
      )
      for (let at = start; at >= 0; at--) {
        const block = blocks[at] as T[]
        const end = at === start ? firstIndex(block, isAbove, startOf(at)) : block.length
        for (let index = end - 1; index >= startOf(at); index--) yield block[index] as T
      }
    },
  }
}

/** The index, at or after `from`, of the first item for which `holds` is true; it must be true for all items after it. */
function firstIndex<T>(items: readonly T[], holds: (item: T) => boolean, from = 0): number {
  let [low, high] = [from, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(items[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}
