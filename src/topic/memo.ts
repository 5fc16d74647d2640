export interface MemoBounds {
  readonly topics: number
  /** Characters of all the topics together, and what `weigh` says of each answer. */
  readonly size: number
}

/** What was found out about topics, so that it is worked out once and not for every message. */
export interface TopicMemo<T> {
  of(topic: string): T
  forget(): void
}

/** Forgets everything at a bound: whoever keeps inventing topics makes it slow, not large. */
export function createTopicMemo<T extends NonNullable<unknown>>(
  find: (topic: string) => T,
  bounds: MemoBounds,
  weigh: (answer: T) => number = () => 0,
): TopicMemo<T> {
  const found = new Map<string, T>()
  let size = 0

  function forget(): void {
    found.clear()
    size = 0
  }

  return {
    of(topic) {
      const known = found.get(topic)
      if (known !== undefined) return known
      const answer = find(topic)
      const weight = topic.length + weigh(answer)
      if (found.size === bounds.topics || size + weight > bounds.size) forget()
      found.set(topic, answer)
      size += weight
      return answer
    },
    forget,
  }
}
