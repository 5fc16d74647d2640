/** Counts by name; one that falls to zero is forgotten. */
export interface Counts {
  readonly total: number
  of(name: string): number
  add(name: string): void
  remove(name: string): void
  /** The name that counts most; empty without any. */
  largest(): string
}

export function createCounts(): Counts {
  const counts = new Map<string, number>()
  let total = 0
  return {
    get total() {
      return total
    },
    of: (name) => counts.get(name) ?? 0,
    add(name) {
      total += 1
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    remove(name) {
      const left = (counts.get(name) ?? 0) - 1
      if (left < 0) return
      total -= 1
      if (left === 0) counts.delete(name)
      else counts.set(name, left)
    },
    largest() {
      let most = 0
      let found = ''
      for (const [name, count] of counts) {
        if (count <= most) continue
        most = count
        found = name
      }
      return found
    },
  }
}
