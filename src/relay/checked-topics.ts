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

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

export function createCheckedTopics(): TopicMemo<CheckedTopic> {
  return createTopicMemo(
    (name) => ({ name, problem: topicProblem(name), readingProblem: readingTopicProblem(name) }),
    REMEMBERED,
  )
}
