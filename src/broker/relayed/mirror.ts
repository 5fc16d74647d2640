import { isDeepStrictEqual } from 'node:util'
import { overlaps, topicMatches } from '../../topic/match.ts'
import type { Message } from '../../topic/message.ts'
import type { UplinkMessage } from '../../uplink/message.ts'
import type { Retained } from '../store/retained.ts'
import { isCovered } from './cover.ts'
import type { RetainedReader } from './retained-reader.ts'

/** A copy of the other broker's retained messages, for the filters that somebody here has asked for. */
export interface Mirror {
  /** From now on messages come for these filters. */
  follow(filters: readonly string[]): void
  /** None come for them any more, but for those that `still` covers. */
  release(filters: readonly string[], still: readonly string[]): void
  /** A message of now is kept, or removes one: it is newer than what is being read. */
  note(topic: string): void
  /** Messages are missed from now on. */
  away(): void
  /** Resolves when what is retained for the filters is here; rejects with a GatewayError where it cannot be. */
  ready(filters: readonly string[]): Promise<void>
}

export interface MirrorOptions {
  readonly retained: Pick<Retained, 'mirror' | 'remove' | 'covered' | 'latest'>
  readonly reader: Pick<RetainedReader, 'read'>
  /** Whether messages of now say that they are to be retained [MQTT 5 §3.8.3.1]. */
  isFollowed(): boolean
  isAway(): boolean
  /** Null for what nobody may have. */
  toMessage(message: UplinkMessage): Message | null
  /** Delivers a message that was missed. */
  handOn(message: UplinkMessage): void
}

/** What is retained for a filter is not here yet; it is here and followed; it was here before messages were missed. */
type State = 'unread' | 'here' | 'stale'

interface RetainedRead {
  readonly filters: readonly string[]
  /** What was here for these filters was missed if it is another one now. */
  readonly stale: readonly string[]
  /** Topics that were found, and topics with messages of now, which are newer. */
  readonly found: Set<string>
  readonly newer: Set<string>
}

/**
 * Read once and then followed where the broker's messages say whether they are retained. Otherwise, with MQTT 3.1.1, it is read
 * again for everybody who asks.
 */
export function createMirror(options: MirrorOptions): Mirror {
  const { retained, reader, isFollowed, isAway, toMessage, handOn } = options
  const followed = new Map<string, State>()
  const readings = new Map<RetainedRead, Promise<void>>()
  /** Another one after messages were missed. */
  let connection = 0

  function read(filters: readonly string[]): Promise<void> {
    const stale = [...followed].flatMap(([filter, state]) => (state === 'stale' ? [filter] : []))
    const reading: RetainedRead = { filters, stale, found: new Set(), newer: new Set() }
    const done = finish(reading).finally(() => readings.delete(reading))
    readings.set(reading, done)
    return done
  }

  async function finish(reading: RetainedRead): Promise<void> {
    const { filters, found, newer } = reading
    const began = connection
    await reader.read(filters, (message) => put(message, reading))
    for await (const { topic } of retained.covered(filters)) {
      if (connection !== began) return
      if (!found.has(topic) && !newer.has(topic)) retained.remove(topic)
    }
    for (const filter of filters)
      if (connection === began && followed.has(filter)) followed.set(filter, 'here')
  }

  function put(message: UplinkMessage, { found, newer, stale }: RetainedRead): void {
    const { topic } = message
    if (newer.has(topic) || found.has(topic)) return
    const kept = toMessage(message)
    if (!kept) return
    found.add(topic)
    const before = retained.latest(topic)
    if (before && isSame(before, kept)) return
    if (stale.some((filter) => topicMatches(filter, topic))) handOn(message)
    else retained.mirror(kept)
  }

  /** What is being read of the filters, and what of them is not here, which is read now. */
  function complete(filters: readonly string[]): Promise<unknown> {
    const isAsked = (one: string) => filters.some((other) => overlaps(one, other))
    const underway = [...readings].filter(([reading]) => reading.filters.some(isAsked))
    const missing = [...followed].flatMap(([filter, state]) => {
      if (state === 'here' || !isAsked(filter)) return []
      return underway.some(([reading]) => reading.filters.includes(filter)) ? [] : [filter]
    })
    const waits = underway.map(([, done]) => done)
    return Promise.all(missing.length === 0 ? waits : [...waits, read(missing)])
  }

  async function removeAll(filters: readonly string[], still: readonly string[]): Promise<void> {
    for await (const { topic } of retained.covered(filters))
      if (!still.some((filter) => topicMatches(filter, topic))) retained.remove(topic)
  }

  return {
    follow(filters) {
      if (!isFollowed()) return
      for (const filter of filters)
        if (followed.get(filter) !== 'stale') followed.set(filter, 'unread')
      // where it fails, it is read again for who asks, and the failure is told then
      read(filters).catch(() => {})
    },
    release(filters, still) {
      for (const filter of filters) followed.delete(filter)
      void removeAll(filters, still)
    },
    note(topic) {
      for (const { filters, newer } of readings.keys())
        if (filters.some((filter) => topicMatches(filter, topic))) newer.add(topic)
    },
    away() {
      connection += 1
      for (const [filter, state] of followed) if (state === 'here') followed.set(filter, 'stale')
    },
    async ready(filters) {
      const known = [...followed].flatMap(([filter, state]) => (state === 'stale' ? [filter] : []))
      // what was here before the broker went away is all that there is
      if (isAway() && filters.every((filter) => isCovered(known, filter))) return
      if (!isAway() && isFollowed()) await complete(filters)
      else await read(filters)
    },
  }
}

function isSame(one: Message, other: Message): boolean {
  return (
    one.payload.equals(other.payload) &&
    one.device === other.device &&
    isDeepStrictEqual(one.properties, other.properties)
  )
}
