import { setImmediate } from 'node:timers/promises'
import type { Delivery } from '../broker/broker.ts'
import { createPace, type Pace } from '../pace.ts'
import { topicMatches } from '../topic/match.ts'
import { createTopicMemo } from '../topic/memo.ts'
import { createTopicTrie } from '../topic/trie.ts'
import type { EventFormat } from './event.ts'
import type { EventIds } from './event-ids.ts'
import type { Entry, History } from './history.ts'

/** One open stream as the hub sees it. */
export interface Reader {
  readonly filters: readonly string[]
  /** Asked about every event when it is sent, so that new rules hold at once. */
  mayReceive(topic: string): boolean
  /** Must neither throw nor block. */
  take(entry: Entry): void
  /** The rules have changed: a reader that may never read anything more ends. */
  recheck(): void
  /** The gateway is stopping: say goodbye. */
  end(): void
}

export interface Hub {
  /** Hands a message to everybody who asked for it and may read it. */
  deliver(delivery: Delivery): void
  /** The reader hears of new rules and of the end, until what is returned is called. */
  attend(reader: Reader): () => void
  /**
   * From now on a reader that attends is handed what it asked for. Returns all that came after the number that it has; null,
   * and it is handed nothing, where some of that is no longer in memory.
   */
  follow(reader: Reader, number: number): Entry[] | null
  /** The bytes of an entry, formatted once however many read it. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** What all readers together go through, of the history and of what is retained, in one turn of the event loop. */
  readonly pace: Pace
  readonly size: number
  /** Whether `endAll` was called: a reader that joins now is to end itself. */
  readonly ended: boolean
  readonly ids: EventIds
  /** The number of the latest message. */
  latest(): number
  /** The number that all of what is in memory came after. */
  earliest(): number
  recheck(): Promise<void>
  endAll(): void
}

/** A millisecond or two where each has many filters. */
const STEPS_EACH_TURN = 256

/** For how many topics it is remembered who reads them. */
const REMEMBERED = { topics: 10_000, size: 1_000_000 }

/** Whether a reader asked for a topic and may read it now. */
export function wants(reader: Pick<Reader, 'filters' | 'mayReceive'>, topic: string): boolean {
  return reader.filters.some((filter) => topicMatches(filter, topic)) && reader.mayReceive(topic)
}

/** Every message passes here once, whoever published it, and is formatted at most once. */
export function createHub(history: History, ids: EventIds): Hub {
  const readers = new Set<Reader>()
  const byFilter = createTopicTrie<Set<Reader>>()
  // each reader once, however many of its filters cover the topic
  const readersOf = createTopicMemo(
    (topic) => new Set(byFilter.covering(topic).flatMap((asking) => [...asking])),
    REMEMBERED,
    ({ size }) => size,
  )
  let ended = false

  function add(reader: Reader): void {
    for (const filter of reader.filters) {
      const asking = byFilter.get(filter)
      if (asking) asking.add(reader)
      else byFilter.set(filter, new Set([reader]))
    }
    readersOf.forget()
  }

  function remove(reader: Reader): void {
    readers.delete(reader)
    for (const filter of reader.filters) {
      const asking = byFilter.get(filter)
      if (asking?.delete(reader) && asking.size === 0) byFilter.delete(filter)
    }
    readersOf.forget()
  }

  return {
    deliver(delivery) {
      const entry = history.add(delivery)
      for (const reader of readersOf.of(delivery.topic))
        if (reader.mayReceive(delivery.topic)) reader.take(entry)
    },
    attend(reader) {
      readers.add(reader)
      return () => remove(reader)
    },
    follow(reader, number) {
      const missed = history.after(number)
      if (missed) add(reader)
      return missed
    },
    get size() {
      return readers.size
    },
    get ended() {
      return ended
    },
    frame: history.frame,
    pace: createPace(STEPS_EACH_TURN),
    ids,
    latest: history.latest,
    earliest: history.earliest,
    async recheck() {
      for (const reader of readers) {
        reader.recheck()
        // thousands of them at once would hold up everybody's messages
        await setImmediate()
      }
    },
    endAll() {
      ended = true
      for (const reader of readers) reader.end()
    },
  }
}
