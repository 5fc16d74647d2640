import type { Catalog, TopicInfo } from '../catalog/catalog.ts'
import { createTopicMemo } from '../topic/memo.ts'
import { topicProblem } from '../topic/topic.ts'
import type { HeardTopic } from './heard.ts'
import type { StatusTopics } from './status-topics.ts'

/** What is known of a topic, whichever device uses it. */
export interface TopicWatch {
  readonly info: TopicInfo
  readonly kind: 'status' | 'watched' | 'other'
  /** Of the device that used the topic last: most topics have one device only. */
  last: HeardTopic | null
}

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

/** Decides once for each topic whether it is watched. */
export function createWatches(
  catalog: () => Catalog,
  statusTopics: StatusTopics,
  watchesNumbers: boolean,
) {
  return createTopicMemo((topic: string): TopicWatch => {
    const info = catalog().of(topic)
    if (statusTopics.parse(topic) !== null) return { info, kind: 'status', last: null }
    const isWatched =
      !topic.startsWith('$') &&
      (info.silenceMs !== null || (watchesNumbers && info.entry !== null)) &&
      topicProblem(statusTopics.ofTopic('', topic)) === null
    return { info, kind: isWatched ? 'watched' : 'other', last: null }
  }, REMEMBERED)
}
