import { hasWildcard } from './topic.ts'
import { createTopicTrie, type TopicTrie } from './trie.ts'

/** How much a memo remembers. */
export interface MemoBounds {
  readonly topics: number
  /** Characters of all the topics together, and what `weigh` says of each answer. */
  readonly size: number
}

/** Remembers an answer for each topic, so that it is computed once and not for every message. */
export interface TopicMemo<T> {
  of(topic: string): T
  /** The answer if it is remembered. */
  known(topic: string): T | undefined
  forget(): void
}

/** A memo whose answers depend on filters. */
export interface FilteredTopicMemo<T> extends TopicMemo<T> {
  /** Forgets at least the topics that `filter` covers. */
  forgetCovered(filter: string): void
}

/** Forgets everything when a bound is reached: a client that invents topics makes it slow, not large. */
export function createTopicMemo<T extends NonNullable<unknown>>(
  find: (topic: string) => T,
  bounds: MemoBounds,
  weigh: (answer: T) => number = () => 0,
): TopicMemo<T> {
  return createMemo(find, bounds, weigh, null)
}

/** As `createTopicMemo`. Changes of filters that cover other topics cost it nothing. */
export function createFilteredTopicMemo<T extends NonNullable<unknown>>(
  find: (topic: string) => T,
  bounds: MemoBounds,
  weigh: (answer: T) => number,
): FilteredTopicMemo<T> {
  return createMemo(find, bounds, weigh, createTopicTrie<string>())
}

/** Steps among the topics of one filter: beyond them it is cheaper to find all answers again. */
const MOST_STEPS = 64

function createMemo<T extends NonNullable<unknown>>(
  find: (topic: string) => T,
  bounds: MemoBounds,
  weigh: (answer: T) => number,
  topics: TopicTrie<string> | null,
): FilteredTopicMemo<T> {
  const found = new Map<string, T>()
  let size = 0

  function forget(): void {
    if (found.size === 0) return
    found.clear()
    topics?.clear()
    size = 0
  }

  function forgetOne(topic: string): void {
    const answer = found.get(topic)
    if (answer === undefined) return
    found.delete(topic)
    topics?.delete(topic)
    size -= topic.length + weigh(answer)
  }

  /** The topics that a filter covers; null where finding them takes too many steps. */
  function coveredBy(filter: string): string[] | null {
    if (!hasWildcard(filter)) return [filter]
    if (topics === null) return null
    const covered: string[] = []
    let steps = 0
    for (const topic of topics.covered([filter])) {
      steps += 1
      if (steps > MOST_STEPS) return null
      if (topic !== undefined) covered.push(topic)
    }
    return covered
  }

  return {
    of(topic) {
      const known = found.get(topic)
      if (known !== undefined) return known
      const answer = find(topic)
      const weight = topic.length + weigh(answer)
      if (found.size === bounds.topics || size + weight > bounds.size) forget()
      found.set(topic, answer)
      topics?.set(topic, topic)
      size += weight
      return answer
    },
    known: (topic) => found.get(topic),
    forget,
    forgetCovered(filter) {
      const covered = coveredBy(filter)
      if (covered === null) forget()
      else for (const topic of covered) forgetOne(topic)
    },
  }
}
