import type { Delivery } from '../broker/delivery.ts'
import { numberIn } from '../metrics/readings.ts'

/** The numbers of one topic in one span of time. */
export interface Bucket {
  readonly topic: string
  /** Where the span begins, in milliseconds since the Unix epoch. */
  readonly from: number
  count: number
  min: number
  mean: number
  max: number
  /** The number of the latest message. */
  last: number
}

export interface BucketOptions {
  /** The length of a span in milliseconds; spans begin at multiples of it since the Unix epoch. */
  readonly every: number
  /** The member names on the path to a number in a JSON payload; null where the payload itself is the number. */
  readonly field: readonly string[] | null
  /** The most buckets, and the most characters of all their topics. */
  readonly most: number
  readonly mostCharacters: number
  /** Whether so many bytes may be held for all buckets. */
  hasRoom?(bytes: number): boolean
}

export interface Buckets<Place> {
  /**
   * Counts a message; one without a number is not counted. `place` is where reading must continue to read it again. Returns
   * false, and changes nothing, where there is no room.
   */
  add(delivery: Pick<Delivery, 'topic' | 'payload' | 'time' | 'sequence'>, place: Place): boolean
  /**
   * For reading that ended early: forgets the span that it was in, and returns the place of its first message. Returns null,
   * and keeps the span, if it is the only one: continuing from there would make no progress.
   */
  forgetUnfinished(): Place | null
  /** In the order of time, then of topics; or the reverse. */
  rows(newestFirst: boolean): Bucket[]
}

interface Numbered extends Bucket {
  lastTime: number
  lastNumber: number
}

/** The positions of its messages among all that were counted, from 0 on. */
interface Span<Place> {
  readonly first: number
  last: number
  readonly place: Place
}

/** Memory of a bucket, with its entries in two maps and its row in an answer. */
const BUCKET_BYTES = 512

export function createBuckets<Place>({
  every,
  field,
  most,
  mostCharacters,
  hasRoom = () => true,
}: BucketOptions): Buckets<Place> {
  // by topic first: each topic's name is stored once
  const byTopic = new Map<string, Map<number, Numbered>>()
  const spans = new Map<number, Span<Place>>()
  let size = 0
  let characters = 0
  let counted = 0
  /** Where the last span that was counted in begins. */
  let current = 0

  function bucketOf(topic: string, from: number): Numbered | null {
    const known = byTopic.get(topic)
    const bucket = known?.get(from)
    if (bucket) return bucket
    if (size === most || (!known && characters + topic.length > mostCharacters)) return null
    const bytes = (size + 1) * BUCKET_BYTES + characters + (known ? 0 : topic.length)
    if (!hasRoom(bytes)) return null
    const made = { topic, from, ...EMPTY }
    if (known) known.set(from, made)
    else byTopic.set(topic, new Map([[from, made]]))
    size += 1
    characters += known ? 0 : topic.length
    return made
  }

  return {
    add({ topic, payload, time, sequence }, place) {
      const value = field ? memberIn(payload, field) : numberIn(payload)
      if (value === null) return true
      const from = Math.floor(time / every) * every
      const bucket = bucketOf(topic, from)
      if (bucket === null) return false
      count(bucket, value, time, sequence)
      const span = spans.get(from)
      if (span === undefined) spans.set(from, { first: counted, last: counted, place })
      else span.last = counted
      counted += 1
      current = from
      return true
    },
    forgetUnfinished() {
      const span = spans.get(current)
      if (span === undefined || !spans.values().some(({ last }) => last < span.first)) return null
      spans.delete(current)
      for (const buckets of byTopic.values()) buckets.delete(current)
      return span.place
    },
    rows(newestFirst) {
      const sign = newestFirst ? -1 : 1
      return [...byTopic.values()]
        .flatMap((buckets) => [...buckets.values()])
        .sort((a, b) => sign * (a.from - b.from || (a.topic < b.topic ? -1 : 1)))
    },
  }
}

const EMPTY = {
  count: 0,
  min: Infinity,
  mean: 0,
  max: -Infinity,
  last: 0,
  lastTime: -1,
  lastNumber: -1,
}

function count(bucket: Numbered, value: number, time: number, sequence: number): void {
  bucket.count += 1
  bucket.min = Math.min(bucket.min, value)
  bucket.max = Math.max(bucket.max, value)
  // both terms are scaled first: a sum or a difference of large numbers could overflow
  const mean = bucket.mean - bucket.mean / bucket.count + value / bucket.count
  bucket.mean = Math.min(bucket.max, Math.max(bucket.min, mean))
  if (time < bucket.lastTime || (time === bucket.lastTime && sequence < bucket.lastNumber)) return
  bucket.lastTime = time
  bucket.lastNumber = sequence
  bucket.last = value
}

/** Own members only, as in JSON: not an array's length. */
const isMember = Object.prototype.propertyIsEnumerable

/** The number at the end of a path of own members in a JSON payload, or null. */
function memberIn(payload: Buffer, path: readonly string[]): number | null {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return null
  }
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !isMember.call(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
