import type { Delivery } from '../broker/broker.ts'
import { fromJsonProperties, toJsonProperties } from '../topic/properties.ts'
import { type EventFormat, eventFrame } from './event.ts'

/** One delivered message that a reader may still ask for; its `sequence` is the history's own. */
export interface Entry extends Omit<Delivery, 'payload' | 'properties'> {
  /** Its payload, a character a byte. Ten thousand buffers would have V8 stop everything to collect what they hold outside its heap. */
  readonly characters: string
  /** Its properties in JSON, for the same reason. */
  readonly properties: string | null
  /** Formatted when first asked for, then shared by all who read it. */
  frames: Partial<Record<EventFormat, Buffer>> | null
}

export function deliveryOf({ frames: _frames, characters, properties, ...rest }: Entry): Delivery {
  return {
    ...rest,
    payload: Buffer.from(characters, 'latin1'),
    properties: properties === null ? null : fromJsonProperties(JSON.parse(properties)),
  }
}

export interface History {
  /** Adds a delivery, whose sequence number is above all before it; forgets the oldest beyond the bounds. */
  add(delivery: Delivery): Entry
  /** The event that readers get for an entry. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** All that came after the event with this id; null where some of it is no longer here, or never was. */
  after(id: string): Entry[] | null
  /** The id of the latest event: whoever resumes from it has missed nothing up to now. */
  position(): string
  /** The id that all that is here came after. */
  earliest(): string
  save(): SavedHistory
}

/** All that a history needs to go on in another process. */
export interface SavedHistory {
  readonly epoch: string
  readonly latest: number
  readonly forgotten: number
  /** Numbered as in the ids. */
  readonly deliveries: readonly Delivery[]
}

export interface HistoryBounds {
  readonly messages: number
  /** Bytes of topics, payloads and properties. */
  readonly bytes: number
}

const ID = /^([0-9a-f]{1,32})-(\d{1,15})$/

/** Frames of older entries are formatted again when somebody comes back for them. */
const FORMATTED = 64

/**
 * The last messages, in memory. Ids carry an epoch, within which nothing is missing: one life of the gateway, and the next
 * if that goes on where this one stopped (`saved`). An id of another epoch names messages that are gone, and the numbers
 * alone would pretend otherwise.
 */
export function createHistory(
  newEpoch: string,
  bounds: HistoryBounds,
  saved: SavedHistory | null = null,
): History {
  const epoch = saved?.epoch ?? newEpoch
  // the broker counts from 1 again in each life
  const base = saved?.latest ?? 0
  // a ring: the oldest entry is at `first`
  let entries: (Entry | undefined)[] = []
  let first = 0
  let size = 0
  let bytes = 0
  let latest = 0
  /** The highest number that was forgotten: whoever knows all up to here has missed nothing. */
  let forgotten = 0

  const at = (index: number) => entries[(first + index) % entries.length] as Entry

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

  // field by field: every message passes here, and spreading takes longer
  function append(
    { topic, payload, qos, retain, device, time, properties, expires }: Delivery,
    sequence: number,
  ): Entry {
    const characters = payload.toString('latin1')
    const entry = {
      topic,
      characters,
      qos,
      retain,
      device,
      time,
      properties: properties && JSON.stringify(toJsonProperties(properties)),
      expires,
      sequence,
      frames: null,
    }
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

  for (const delivery of saved?.deliveries ?? []) append(delivery, delivery.sequence)
  if (saved) {
    latest = saved.latest
    forgotten = Math.max(forgotten, saved.forgotten)
  }

  return {
    add: (delivery) => append(delivery, base + delivery.sequence),
    frame(entry, format) {
      entry.frames ??= {}
      entry.frames[format] ??= eventFrame(deliveryOf(entry), `${epoch}-${entry.sequence}`, format)
      return entry.frames[format]
    },
    after(id) {
      const [, life, digits] = ID.exec(id) ?? []
      const known = Number(digits)
      if (life !== epoch || known < forgotten || known > latest) return null
      // numbers grow but may leave gaps, so the place is searched for
      let [low, high] = [0, size]
      while (low < high) {
        const middle = (low + high) >> 1
        if (at(middle).sequence <= known) low = middle + 1
        else high = middle
      }
      return Array.from({ length: size - low }, (_, index) => at(low + index))
    },
    position: () => `${epoch}-${latest}`,
    earliest: () => `${epoch}-${forgotten}`,
    save: () => ({
      ...{ epoch, latest, forgotten },
      deliveries: Array.from({ length: size }, (_, index) => deliveryOf(at(index))),
    }),
  }
}

function bytesOf({ topic, characters, properties }: Entry): number {
  return topic.length + characters.length + (properties?.length ?? 0)
}
