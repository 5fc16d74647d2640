import { randomBytes } from 'node:crypto'
import type { Delivery } from '../broker/broker.ts'
import { topicMatches } from '../topic/match.ts'
import { createEvent, type LiveEvent } from './event.ts'

/** One open stream as the hub sees it. */
export interface Reader {
  readonly filters: readonly string[]
  /** Asked about every event when it is sent, so that new rules hold at once. */
  mayReceive(topic: string): boolean
  /** Must neither throw nor block. */
  take(event: LiveEvent, delivery: Delivery): void
  /** The gateway is stopping: say goodbye. */
  end(): void
}

export interface Hub {
  /** Hands a message to everybody who asked for it and may read it. */
  deliver(delivery: Delivery): void
  /** Adds a reader; returns how to remove it. */
  join(reader: Reader): () => void
  readonly size: number
  /** The id of an event that comes from no delivery (a retained message): where the stream stands now. */
  position(): string
  endAll(): void
}

/** Every message passes here once, whoever published it, and is formatted at most once. */
export function createHub(): Hub {
  // ids from before a restart mean nothing afterwards; the epoch says which life an id is from
  const epoch = randomBytes(6).toString('hex')
  const readers = new Set<Reader>()
  let last = 0
  return {
    deliver(delivery) {
      last = delivery.sequence
      if (readers.size === 0) return
      const { topic } = delivery
      let event: LiveEvent | undefined
      for (const reader of readers) {
        if (!reader.filters.some((filter) => topicMatches(filter, topic))) continue
        if (!reader.mayReceive(topic)) continue
        event ??= createEvent(delivery, `${epoch}-${delivery.sequence}`)
        reader.take(event, delivery)
      }
    },
    join(reader) {
      readers.add(reader)
      return () => void readers.delete(reader)
    },
    get size() {
      return readers.size
    },
    position: () => `${epoch}-${last}`,
    endAll() {
      for (const reader of readers) reader.end()
    },
  }
}
