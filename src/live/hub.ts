import { setImmediate } from 'node:timers/promises'
import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { Door } from '../door-table.ts'
import type { GatewayError } from '../errors.ts'
import { topicMatches } from '../topic/match.ts'
import { createPace, type Pace } from '../turns/pace.ts'
import { createAudiences } from './audiences.ts'
import type { Entry } from './entry.ts'
import type { EventFormat } from './event.ts'
import type { EventIds } from './event-ids.ts'
import { createHeartbeats, type Heartbeats } from './heartbeat.ts'
import type { History } from './history.ts'
import { createRounds } from './rounds.ts'

/** The reader of a stream, and the door that it uses. */
export interface StreamOrigin {
  readonly door: Door
  /** A viewer's name, or a WoTT ID. */
  readonly id: string
  readonly address: string | undefined
  /** When it was opened, in milliseconds since the Unix epoch. */
  readonly since: number
}

/** An open stream, as the hub uses it. */
export interface Reader {
  readonly from: StreamOrigin
  readonly filters: readonly string[]
  /** Called for every event when it is sent, so that new rules apply at once. */
  mayReceive(topic: string): boolean
  /** Must not block. A reader that throws is ended. */
  take(entry: Entry): void
  /** Called when the broker has ended the subscription. */
  refuse(error: GatewayError): void
  /** Called when the other broker was away, for so many seconds. Must neither throw nor block. */
  missed(seconds: number): void
  /** Called when the rules have changed: a reader that can never read anything again ends. */
  recheck(): void
  /** Called when the gateway stops. */
  end(): void
}

export interface Hub {
  /** Adds a message to the history, before any reader gets it. */
  note(delivery: Delivery): void
  /** Reports new rules and the end to the reader, until it leaves. */
  attend(reader: Reader): void
  /** Reports and delivers nothing to the reader any more. */
  leave(reader: Reader): void
  /**
   * Delivers to an attending reader each further message that it asked for and may read. Resolves with all earlier messages
   * after the number; resolves with null, and delivers nothing, where some of them are no longer in memory.
   */
  follow(reader: Reader, number: number): Promise<Entry[] | null>
  /** The event of an entry, formatted once for all readers. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** Limits how many old messages all readers together are sent in one turn of the event loop. */
  readonly pace: Pace
  readonly heartbeats: Heartbeats
  readonly size: number
  /** How many streams a reader with this name has open. */
  sizeOf(id: string): number
  readers(): Iterable<Reader>
  /** Whether `endAll` was called: a stream that opens after that must end itself. */
  readonly ended: boolean
  readonly ids: EventIds
  /** The number of the latest message. */
  latest(): number
  /** All messages after this number are in memory. */
  earliest(): number
  recheck(): Promise<void>
  /** Tells all readers that the other broker was away. */
  missed(seconds: number): void
  endAll(): void
}

/** So many steps take a millisecond or two where each reader has many filters. */
const STEPS_EACH_TURN = 256

/** Whether a reader asked for a topic and may read it now. */
export function wants(reader: Pick<Reader, 'filters' | 'mayReceive'>, topic: string): boolean {
  return reader.filters.some((filter) => topicMatches(filter, topic)) && reader.mayReceive(topic)
}

/**
 * The open streams. All share the entries of the history and their events, and those with the same filters a subscription.
 * `onFailed` is called with what a reader throws, which is ended.
 */
export function createHub(
  history: History,
  ids: EventIds,
  subscribe: Broker['subscribe'],
  onFailed: (error: unknown) => void,
): Hub {
  const readers = new Set<Reader>()
  const rounds = createRounds(give)
  const audiences = createAudiences<Reader>(subscribe, {
    deliver: (delivery, audience) => rounds.deliver(history.entry(delivery), audience),
    finish: rounds.finish,
  })
  // how many are open, by the name of who reads
  const sizes = new Map<string, number>()
  let ended = false

  function count({ from: { id } }: Reader, change: 1 | -1): void {
    const now = (sizes.get(id) ?? 0) + change
    if (now === 0) sizes.delete(id)
    else sizes.set(id, now)
  }

  /** Offers the entry to the next `most` readers. */
  function give(entry: Entry, rest: Iterable<Reader>, most: number): void {
    for (let left = most; left > 0; ) {
      const failure = offer(entry, rest, left)
      if (!failure) return
      onFailed(failure.error)
      endFailed(failure.reader)
      left = failure.left
    }
  }

  /** Ends a reader that failed; it may reconnect, and then gets what it missed. */
  function endFailed(reader: Reader): void {
    try {
      reader.end()
    } catch {
      hub.leave(reader)
    }
  }

  const hub: Hub = {
    note: history.add,
    attend(reader) {
      readers.add(reader)
      count(reader, 1)
    },
    leave(reader) {
      if (readers.delete(reader)) count(reader, -1)
      audiences.leave(reader)
    },
    async follow(reader, number) {
      if (number < history.earliest()) return null
      // earlier messages are among those that the reader fetches as missed
      return audiences.enter(reader, () => (readers.has(reader) ? history.after(number) : null))
    },
    get size() {
      return readers.size
    },
    sizeOf: (id) => sizes.get(id) ?? 0,
    get ended() {
      return ended
    },
    readers: () => readers.values(),
    frame: history.frame,
    pace: createPace(STEPS_EACH_TURN),
    heartbeats: createHeartbeats(),
    ids,
    latest: history.latest,
    earliest: history.earliest,
    async recheck() {
      for (const reader of readers) {
        reader.recheck()
        // ending thousands of them at once would delay everybody's messages
        await setImmediate()
      }
    },
    missed(seconds) {
      // what they are told has the id of the latest message
      rounds.finishAll()
      for (const reader of readers) reader.missed(seconds)
    },
    endAll() {
      ended = true
      rounds.finishAll()
      for (const reader of readers) reader.end()
    },
  }
  return hub
}

/** A reader that threw. */
interface Failure {
  readonly reader: Reader
  readonly error: unknown
  /** How many readers may still get the entry. */
  readonly left: number
}

/** Offers an entry to the next `most` readers, up to the first one that fails. */
function offer(entry: Entry, rest: Iterable<Reader>, most: number): Failure | null {
  let left = most
  let reader: Reader | undefined
  try {
    for (reader of rest) {
      left -= 1
      if (reader.mayReceive(entry.topic)) reader.take(entry)
      // the iterator of a set goes on here the next time
      if (left === 0) break
    }
    return null
  } catch (error) {
    return { reader: reader as Reader, error, left }
  }
}
