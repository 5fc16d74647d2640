import { type BucketOptions, createBuckets } from '../live/buckets.ts'
import type { EventIds } from '../live/event-ids.ts'
import type { Replay } from '../live/replay.ts'
import { placeText, type ReplayPlace } from '../live/replay-place.ts'
import type { HistoryEnd, HistoryWriter } from './history-format.ts'
import type { HistoryQuery } from './history-query.ts'

/** The messages of an answer, one after the other. */
export type Messages = Pick<Replay, 'gaps' | 'deliveries' | 'cut' | 'lost'>

/** Most characters of the topics of all buckets. */
const TOPIC_CHARACTERS = 4 * 1024 * 1024

/** An answer of messages. `next` is where the next answer continues. */
export async function* entryParts(
  { limit, isLimited }: HistoryQuery,
  messages: Messages,
  ids: EventIds,
  next: () => string,
  writer: HistoryWriter,
): AsyncGenerator<string, void> {
  yield writer.begin()
  let left = limit
  let truncated: HistoryEnd['truncated'] = null
  for await (const delivery of messages.deliveries()) {
    if (left === 0) {
      truncated = 'limit'
      break
    }
    left -= 1
    yield writer.entry(delivery, ids.of(delivery.sequence))
  }
  truncated ??= messages.cut()
  const end = { truncated, next: truncated === null ? null : next() }
  yield ending(end, messages, isLimited, writer)
}

/** An answer of buckets. */
export async function* bucketParts(
  { limit, isLimited, newestFirst }: HistoryQuery,
  options: NonNullable<HistoryQuery['buckets']> & Pick<BucketOptions, 'hasRoom'>,
  replay: Replay,
  ids: EventIds,
  writer: HistoryWriter,
): AsyncGenerator<string, void> {
  yield writer.begin()
  const buckets = createBuckets<ReplayPlace>({
    ...options,
    most: limit,
    mostCharacters: TOPIC_CHARACTERS,
  })
  let truncated: HistoryEnd['truncated'] = null
  for await (const delivery of replay.deliveries())
    if (!buckets.add(delivery, replay.position())) {
      truncated = 'limit'
      break
    }
  truncated ??= replay.cut()
  // a bucket is never split between two answers
  const unfinished = truncated === null ? null : buckets.forgetUnfinished()
  const next = placeText(unfinished ?? replay.position(), ids)
  for (const bucket of buckets.rows(newestFirst)) yield writer.bucket(bucket)
  const end = { truncated, next: truncated === null ? null : next }
  yield ending(end, replay, isLimited, writer)
}

function ending(
  end: Omit<HistoryEnd, 'gaps'>,
  messages: Messages,
  isLimited: boolean,
  writer: HistoryWriter,
): string {
  const gaps = new Set(messages.gaps)
  for (const gap of messages.lost()) gaps.add(gap)
  const isTold = end.truncated === null || (end.truncated === 'limit' && isLimited)
  return writer.end({ ...end, gaps: [...gaps] }, isTold && gaps.size === messages.gaps.length)
}
