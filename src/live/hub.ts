import { setImmediate } from 'node:timers/promises'
import type { Delivery } from '../broker/broker.ts'
import { createPace, type Pace } from '../pace.ts'
import { topicMatches } from '../topic/match.ts'
import { createTopicMemo } from '../topic/memo.ts'
import { createTopicTrie } from '../topic/trie.ts'
import type { EventFormat } from './event.ts'
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

export interface Joined {
  leave(): void
  /** The id that `missed` came after: the one that the reader resumes from unless there is a gap. */
  readonly from: string
  /** Whether some of what came after the reader's id is gone. */
  readonly gap: boolean
  /** All that is here of what came after it, up to the reader's first `take`. */
  readonly missed: Entry[]
}

export interface Hub {
  /** Hands a message to everybody who asked for it and may read it. */
  deliver(delivery: Delivery): void
  /** Adds a reader, which resumes from an id or, without one, from now on. */
  join(reader: Reader, resumeFrom?: string): Joined
  /** The bytes of an entry, formatted once however many read it. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** What all readers together go through, of the history and of what is retained, in one turn of the event loop. */
  readonly pace: Pace
  readonly size: number
  /** Whether `endAll` was called: a reader that joins now is to end itself. */
  readonly ended: boolean
  /** The id of the latest event. */
  position(): string
  /** The id that all of the history came after. */
  earliest(): string
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
export function createHub(history: History): Hub {
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
    readers.add(reader)
    for (const filter of reader.filters) {
      const asking = byFilter.get(filter)
      if (asking) asking.add(reader)
      else byFilter.set(filter, new Set([reader]))
    }
    readersOf.forget()
  }

  function remove(reader: Reader): void {
    if (!readers.delete(reader)) return
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
    join(reader, resumeFrom = history.position()) {
      add(reader)
      const leave = () => remove(reader)
      const missed = history.after(resumeFrom)
      if (missed) return { leave, from: resumeFrom, gap: false, missed }
      // of all that is left of the history, the reader has seen nothing
      const from = history.earliest()
      return { leave, from, gap: true, missed: history.after(from) ?? [] }
    },
    get size() {
      return readers.size
    },
    get ended() {
      return ended
    },
    frame: history.frame,
    pace: createPace(STEPS_EACH_TURN),
    position: history.position,
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
