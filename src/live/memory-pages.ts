import type { LogPage, LogRange, LogSplit, TopicPage, TopicRange } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { topicMatches } from '../topic/match.ts'
import type { Row } from './row.ts'
import { type Rows, type RowTopic, readStored } from './rows.ts'
import type { Sorted } from './sorted.ts'
import { compareTopics } from './topic-order.ts'

/** Rows that one read looks at: less than a millisecond. */
export const ROWS_A_READ = 256

/** Topics that one read looks at: less than a millisecond. */
const TOPICS_READ = 250

/** The first part of a range of `sorted`, which has rows by their numbers. */
export function readRows(rows: Rows, sorted: Sorted<Row>, range: LogRange): LogPage {
  const { after, upTo, filters, newestFirst = false } = range
  const deliveries: Delivery[] = []
  let scanned = 0
  const walk = newestFirst
    ? sorted.backward((row) => rows.sequence(row) > upTo)
    : sorted.forward((row) => rows.sequence(row) <= after)
  for (const row of walk) {
    const sequence = rows.sequence(row)
    if (newestFirst ? sequence <= after : sequence > upTo) break
    scanned += 1
    if (isAsked(rows.topic(row), filters)) deliveries.push(readStored(rows.message(row)))
    if (scanned === ROWS_A_READ)
      return { deliveries, scanned, reached: newestFirst ? sequence - 1 : sequence }
  }
  return { deliveries, scanned, reached: newestFirst ? after : upTo }
}

/** The latest message of each topic, for the first part of the topics. */
export function readTopics(
  rows: Rows,
  sorted: Sorted<RowTopic>,
  { after, filters }: TopicRange,
): TopicPage {
  const deliveries: Delivery[] = []
  let scanned = 0
  for (const topic of sorted.forward(({ name }) => compareTopics(name, after) <= 0)) {
    scanned += 1
    if (isAsked(topic, filters)) deliveries.push(readStored(rows.message(topic.latest)))
    if (scanned === TOPICS_READ) return { deliveries, scanned, reached: topic.name }
  }
  return { deliveries, scanned, reached: null }
}

/** Where a time of arrival falls among rows whose numbers are all above `trimmed`. */
export function splitRows(
  rows: Rows,
  sorted: Sorted<Row>,
  time: number,
  trimmed: number,
): LogSplit {
  const [from] = sorted.forward((row) => rows.received(row) < time)
  const number = from === undefined ? Number.MAX_SAFE_INTEGER : rows.sequence(from)
  const [before] = sorted.backward((row) => rows.sequence(row) >= number)
  return {
    before: before === undefined ? trimmed : rows.sequence(before),
    from: from === undefined ? null : number,
  }
}

/** Whether one of the filters matches the topic. */
export function isAsked({ name }: RowTopic, filters: readonly string[]): boolean {
  return filters.some((filter) => topicMatches(filter, name))
}
