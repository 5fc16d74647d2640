import { createTopicMemo, type TopicMemo } from '../topic/memo.ts'
import { readingTopicProblem, topicProblem } from '../topic/topic.ts'

/** What is known of a topic, so that it is checked once and not for each reading. */
export interface CheckedTopic {
  /** The same string for all its readings: a `Map` finds it without comparing its characters. */
  readonly name: string
  /** Why nobody can publish to it; null if it is valid. */
  readonly problem: string | null
  /** Why no device can publish a reading to it over HTTP; null if it is valid. */
  readonly readingProblem: string | null
}

interface KnownTopic extends CheckedTopic {
  /** The topic that came after it the last time. */
  next: KnownTopic | null
}

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

export function createCheckedTopics(): Pick<TopicMemo<CheckedTopic>, 'of'> {
  const known = createTopicMemo(toKnown, REMEMBERED)
  let last = toKnown('')

  return {
    of(name) {
      const { next } = last
      // a batch often has the same topics in the same order as before, and comparing two texts is faster than hashing one
      if (next?.name === name) last = next
      else {
        const topic = known.of(name)
        last.next = topic
        last = topic
      }
      return last
    },
  }
}

function toKnown(name: string): KnownTopic {
  const problem = topicProblem(name)
  return { name, problem, readingProblem: readingTopicProblem(name), next: null }
}
