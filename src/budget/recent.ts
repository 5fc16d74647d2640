/** The values that were used last: with more than `most` of them the least recently used one is forgotten. */
export interface Recent<T> {
  /** Uses a value. */
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  values(): Iterable<T>
}

/** `onForgotten` is called for each value that was forgotten for lack of room. */
export function createRecent<T>(most: number, onForgotten: () => void = () => {}): Recent<T> {
  // in the order of their last use
  const known = new Map<string, T>()

  return {
    get(key) {
      const value = known.get(key)
      if (value === undefined) return undefined
      known.delete(key)
      known.set(key, value)
      return value
    },
    set(key, value) {
      known.delete(key)
      known.set(key, value)
      for (const oldest of known.keys()) {
        if (known.size <= most) return
        known.delete(oldest)
        onForgotten()
      }
    },
    delete: (key) => void known.delete(key),
    values: () => known.values(),
  }
}
