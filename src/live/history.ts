import type { Delivery } from '../broker/broker.ts'
import { createEvent, type LiveEvent } from './event.ts'

/** One delivered message that a reader may still ask for. */
export interface Entry {
  readonly sequence: number
  readonly event: LiveEvent
  readonly delivery: Delivery
}

export interface History {
  /** Adds a delivery, whose sequence number is above all before it; forgets the oldest beyond the bounds. */
  add(delivery: Delivery): Entry
  /** All that came after the event with this id; null where some of it is no longer here, or never was. */
  after(id: string): Entry[] | null
  /** The id of the latest event: whoever resumes from it has missed nothing up to now. */
  position(): string
  /** The id that all that is here came after. */
  earliest(): string
}

export interface HistoryBounds {
  readonly messages: number
  /** Bytes of topics and payloads. */
  readonly bytes: number
}

const ID = /^([0-9a-f]{1,32})-(\d{1,15})$/

/**
 * The last messages, in memory. Ids carry the epoch, one life of the gateway: an id from before a
 * restart names messages that are gone, and the numbers alone would pretend otherwise.
 */
export function createHistory(epoch: string, bounds: HistoryBounds): History {
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
    const { sequence, delivery } = at(0)
    entries[first] = undefined
    first = (first + 1) % entries.length
    size -= 1
    bytes -= bytesOf(delivery)
    forgotten = sequence
  }

  function grow(): void {
    const larger = Math.min(Math.max(64, entries.length * 2), bounds.messages)
    entries = [
      ...Array.from({ length: size }, (_, index) => at(index)),
      ...new Array(larger - size),
    ]
    first = 0
  }

  function add(original: Delivery): Entry {
    // its payload is a view of what the socket read, and would keep all of that in memory
    const delivery = { ...original, payload: Buffer.from(original.payload) }
    const { sequence } = delivery
    const entry = { sequence, delivery, event: createEvent(delivery, `${epoch}-${sequence}`) }
    latest = sequence
    const own = bytesOf(delivery)
    if (bounds.messages === 0 || own > bounds.bytes) {
      while (size > 0) forgetOldest()
      forgotten = sequence
      return entry
    }
    while (size === bounds.messages || bytes + own > bounds.bytes) forgetOldest()
    if (size === entries.length) grow()
    entries[(first + size) % entries.length] = entry
    size += 1
    bytes += own
    return entry
  }

  return {
    add,
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
  }
}

function bytesOf({ topic, payload }: Delivery): number {
  return topic.length + payload.length
}
