import type {
  Delivery,
  LogPage,
  LogRange,
  LogSplit,
  TopicPage,
  TopicRange,
} from '../broker/broker.ts'
import { topicMatches } from '../topic/match.ts'
import { deliveryOf, ENTRIES_READ, type Entry } from './history.ts'
import type { Sorted } from './sorted.ts'
import { compareTopics } from './topic-order.ts'

/** Topics that one read looks at: less than a millisecond. */
const TOPICS_READ = 250

/** The first part of a range. */
export function readEntries(entries: Sorted<Entry>, range: LogRange): LogPage {
  const { after, upTo, filters, newestFirst = false } = range
  const deliveries: Delivery[] = []
  let looked = 0
  const walk = newestFirst
    ? entries.backward(({ sequence }) => sequence > upTo)
    : entries.forward(({ sequence }) => sequence <= after)
  for (const entry of walk) {
    const { sequence, topic } = entry
    if (newestFirst ? sequence <= after : sequence > upTo) break
    looked += 1
    if (filters.some((filter) => topicMatches(filter, topic))) deliveries.push(deliveryOf(entry))
    if (looked === ENTRIES_READ)
      return { deliveries, looked, reached: newestFirst ? sequence - 1 : sequence }
  }
  return { deliveries, looked, reached: newestFirst ? after : upTo }
}

/** The latest message of each topic, for the first part of the topics. */
export function readTopics(
  topics: Sorted<string>,
  latestOf: ReadonlyMap<string, Entry>,
  { after, filters }: TopicRange,
): TopicPage {
  const deliveries: Delivery[] = []
  let looked = 0
  for (const topic of topics.forward((other) => compareTopics(other, after) <= 0)) {
    looked += 1
    const entry = latestOf.get(topic)
    if (entry && filters.some((filter) => topicMatches(filter, topic)))
      deliveries.push(deliveryOf(entry))
    if (looked === TOPICS_READ) return { deliveries, looked, reached: topic }
  }
  return { deliveries, looked, reached: null }
}

/** Where a time of arrival falls among entries whose numbers are all above `trimmed`. */
export function splitEntries(entries: Sorted<Entry>, time: number, trimmed: number): LogSplit {
  const [from] = entries.forward(({ received }) => received < time)
  const number = from?.sequence ?? Number.MAX_SAFE_INTEGER
  const [before] = entries.backward(({ sequence }) => sequence >= number)
  return { before: before?.sequence ?? trimmed, from: from?.sequence ?? null }
}
