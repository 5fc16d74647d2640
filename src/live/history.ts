import type { Delivery, LogPage, LogRange } from '../broker/broker.ts'
import { topicMatches } from '../topic/match.ts'
import { fromJsonProperties, toJsonProperties } from '../topic/properties.ts'
import { type EventFormat, eventFrame } from './event.ts'

/** One delivered message that a reader may still ask for. */
export interface Entry extends Omit<Delivery, 'payload' | 'properties'> {
  /**
   * The payload, with one character for each byte: V8 stops everything to free ten thousand buffers, which are outside its
   * heap.
   */
  readonly characters: string
  /** Its properties in JSON, for the same reason. */
  readonly properties: string | null
  /** The event in each format: made when first needed, then shared by all readers. */
  frames: Partial<Record<EventFormat, Buffer>> | null
}

export function deliveryOf(entry: Entry): Delivery {
  const { topic, characters, qos, retain, device, time, received } = entry
  const { properties, expires, sequence } = entry
  return {
    topic,
    payload: Buffer.from(characters, 'latin1'),
    qos,
    retain,
    device,
    time,
    received,
    properties: properties === null ? null : fromJsonProperties(JSON.parse(properties)),
    expires,
    sequence,
  }
}

/** `idOf` makes the id of a message in events. */
export function frameOf(
  entry: Entry,
  idOf: (number: number) => string,
  format: EventFormat,
): Buffer {
  entry.frames ??= {}
  entry.frames[format] ??= eventFrame(deliveryOf(entry), idOf(entry.sequence), format)
  return entry.frames[format]
}

export function propertiesText(properties: Delivery['properties']): string | null {
  return properties && JSON.stringify(toJsonProperties(properties))
}

// field by field: every message passes here, and spreading takes longer
export function toEntry(delivery: Delivery): Entry {
  const { topic, payload, qos, retain, device, time, received, properties, expires, sequence } =
    delivery
  return {
    topic,
    characters: payload.toString('latin1'),
    qos,
    retain,
    device,
    time,
    received,
    properties: propertiesText(properties),
    expires,
    sequence,
    frames: null,
  }
}

export interface History {
  /** Adds a delivery with a greater number than all before it; drops the oldest beyond the limits. */
  add(delivery: Delivery): Entry
  /** The event of an entry. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** All entries after this number; null where some of them were dropped. */
  after(number: number): Entry[] | null
  /** The first part of a range, as `BrokerLog.read` returns it; null where some of it was dropped. */
  read(range: LogRange): LogPage | null
  /** The number of the latest message: a reader that resumes from it has missed nothing so far. */
  latest(): number
  /** No message after this number was dropped. */
  earliest(): number
}

export interface HistoryBounds {
  readonly messages: number
  /** Bytes of topics, payloads and properties. */
  readonly bytes: number
}

/** Entries that keep their event; for older ones it is made again when it is needed. */
const FORMATTED = 64

/** Entries that one read looks at: less than a millisecond. */
export const ENTRIES_READ = 256

/**
 * The newest messages of the log, after number `start`, so that readers need no disk. `idOf` makes the id of a message in
 * events.
 */
export function createHistory(
  start: number,
  bounds: HistoryBounds,
  idOf: (number: number) => string,
): History {
  // a ring: the oldest entry is at `first`
  let entries: (Entry | undefined)[] = []
  let first = 0
  let size = 0
  let bytes = 0
  let latest = start
  /** The highest number that was dropped: a reader that has everything up to it has missed nothing. */
  let forgotten = start

  const at = (index: number) => entries[(first + index) % entries.length] as Entry

  /** The index of the first entry that is `late`, as all after it are. */
  function firstWhere(late: (entry: Entry) => boolean): number {
    let [low, high] = [0, size]
    while (low < high) {
      const middle = (low + high) >> 1
      if (late(at(middle))) high = middle
      else low = middle + 1
    }
    return low
  }

  function forgetOldest(): void {
    const oldest = at(0)
    entries[first] = undefined
    first = (first + 1) % entries.length
    size -= 1
    bytes -= bytesOf(oldest)
    forgotten = oldest.sequence
  }

  function grow(): void {
    const larger = Math.min(Math.max(64, entries.length * 2), bounds.messages)
    entries = [
      ...Array.from({ length: size }, (_, index) => at(index)),
      ...new Array(larger - size),
    ]
    first = 0
  }

  function add(delivery: Delivery): Entry {
    const entry = toEntry(delivery)
    const { sequence } = entry
    const length = bytesOf(entry)
    latest = sequence
    if (bounds.messages === 0 || length > bounds.bytes) {
      while (size > 0) forgetOldest()
      forgotten = sequence
      return entry
    }
    while (size === bounds.messages || bytes + length > bounds.bytes) forgetOldest()
    if (size === entries.length) grow()
    entries[(first + size) % entries.length] = entry
    size += 1
    bytes += length
    if (size > FORMATTED) at(size - 1 - FORMATTED).frames = null
    return entry
  }

  return {
    add,
    frame: (entry, format) => frameOf(entry, idOf, format),
    after(number) {
      if (number < forgotten || number > latest) return null
      const low = firstWhere(({ sequence }) => sequence > number)
      return Array.from({ length: size - low }, (_, index) => at(low + index))
    },
    read({ after, upTo, filters, newestFirst = false }) {
      if (after < forgotten) return null
      const low = firstWhere(({ sequence }) => sequence > after)
      const high = firstWhere(({ sequence }) => sequence > upTo)
      const looked = Math.min(high - low, ENTRIES_READ)
      const entries = Array.from({ length: looked }, (_, index) =>
        at(newestFirst ? high - 1 - index : low + index),
      )
      const deliveries = entries
        .filter(({ topic }) => filters.some((filter) => topicMatches(filter, topic)))
        .map(deliveryOf)
      if (looked === high - low) return { deliveries, looked, reached: newestFirst ? after : upTo }
      const { sequence } = entries.at(-1) as Entry
      return { deliveries, looked, reached: newestFirst ? sequence - 1 : sequence }
    },
    latest: () => latest,
    earliest: () => forgotten,
  }
}

function bytesOf({ topic, characters, properties }: Entry): number {
  return topic.length + characters.length + (properties?.length ?? 0)
}
