import type {
  BrokerLog,
  Delivery,
  LatePage,
  LateRange,
  LogPage,
  LogRange,
  LogSplit,
  TopicPage,
  TopicRange,
} from '../broker/broker.ts'
import { ENTRY_BYTES, type LogState, type Retention } from '../broker/store/retention.ts'
import { topicMatches } from '../topic/match.ts'
import { type Chain, createChain, type Link } from './chain.ts'
import { deliveryOf, type Entry, frameOf, type History, propertiesText } from './history.ts'
import { createLateEntries } from './late-entries.ts'
import { createSorted } from './sorted.ts'

/** The history of a broker without a disk, which is its log too. What has no room goes when something is added or asked for. */
export interface MemoryHistory extends History {
  read(range: LogRange): LogPage
  readTopics(range: TopicRange): TopicPage
  readLate(range: LateRange): LatePage
  split(time: number): LogSplit
  state(): LogState
}

export interface MemoryBounds extends Retention {
  /** The newest messages, which streams begin with when they are asked for all. */
  readonly messages: number
}

/**
 * Why a message is there: `recent`, it has room; `spared`, its device has more than its share, but it is the latest of its topic;
 * `kept`, for the same reason, though all others of its time are gone.
 */
type Standing = 'recent' | 'spared' | 'kept'

/** As small as it can be: there may be half a million. */
interface Kept extends Entry, Link<Kept> {
  readonly bytes: number
  /** When it came, by the clock of the history. */
  readonly stored: number
  readonly owner: Owner
  standing: Standing
}

interface Tally {
  entries: number
  bytes: number
}

/** What a device has in the history. */
interface Owner extends Tally {
  readonly device: string | null
  /** Its recent messages, oldest first. */
  readonly recent: Chain<Kept>
  /** Its messages that are there only for being the latest of their topics. */
  readonly held: Tally
}

/** Messages and topics that one read looks at: less than a millisecond. */
const ENTRIES_READ = 256
const TOPICS_READ = 250
/** By how much the time of a message may be wrong for its age. */
const MOMENT_MS = 100
/** Frames of older entries are formatted again when somebody comes back for them. */
const FORMATTED = 64

/** `now` is a clock that nobody sets, in milliseconds. `idOf` names a message in events. */
export function createMemoryHistory(
  bounds: MemoryBounds,
  idOf: (number: number) => string,
  now: () => number = () => performance.now(),
): MemoryHistory {
  const { age, topicTtl, topics, bytesPerDevice } = bounds
  // all that is not `kept`, by number
  const entries = createSorted<Kept>((one, other) => one.sequence - other.sequence)
  const late = createLateEntries()
  const kept = createChain<Kept>()
  const latestOf = new Map<string, Kept>()
  const topicsInOrder = createSorted(compareTopics)
  const owners = new Map<string | null, Owner>()
  const total: Tally = { entries: 0, bytes: 0 }
  const held: Tally = { entries: 0, bytes: 0 }
  const formatted = new Array<Kept | undefined>(FORMATTED)
  // the numbers of the newest messages, in a ring
  const newest = new Float64Array(bounds.messages)
  let lookedAt = { wall: Number.NEGATIVE_INFINITY, time: 0 }
  let added = 0
  let latest = 0
  let beforeNewest = 0
  let trimmed = 0
  let thinned = 0

  function ownerOf(device: string | null): Owner {
    const known = owners.get(device)
    if (known) return known
    const held = { entries: 0, bytes: 0 }
    const owner = { device, entries: 0, bytes: 0, recent: createChain<Kept>(), held }
    owners.set(device, owner)
    return owner
  }

  /** The numbers that all of the newest messages came after move on. */
  function pass(number: number): void {
    if (newest.length === 0) beforeNewest = number
    else {
      const place = added % newest.length
      if (added >= newest.length) beforeNewest = newest[place] as number
      newest[place] = number
    }
    latest = number
  }

  function forgetFrames(entry: Kept): void {
    const old = formatted[added % FORMATTED]
    if (old) old.frames = null
    formatted[added % FORMATTED] = entry
  }

  /** The clock is looked at once for all messages of a moment: that takes as long as all else here. */
  function timeOf({ received }: Delivery): number {
    if (Math.abs(received - lookedAt.wall) > MOMENT_MS) lookedAt = { wall: received, time: now() }
    return lookedAt.time
  }

  // field by field: every message passes here, and spreading takes longer
  function toKept(delivery: Delivery, before: Kept | undefined, stored: number): Kept {
    const { payload, qos, retain, device, time, received, properties, expires, sequence } = delivery
    // one string for all messages of a topic
    const topic = before?.topic ?? delivery.topic
    const text = propertiesText(properties)
    return {
      topic,
      characters: payload.toString('latin1'),
      qos,
      retain,
      device,
      time,
      received,
      properties: text,
      expires,
      sequence,
      frames: null,
      bytes: ENTRY_BYTES + topic.length + payload.length + (text === null ? 0 : text.length),
      stored,
      owner: ownerOf(device),
      standing: 'recent',
      before: null,
      after: null,
    }
  }

  function add(delivery: Delivery): Kept {
    const time = timeOf(delivery)
    const before = latestOf.get(delivery.topic)
    const entry = toKept(delivery, before, time)
    const { topic, owner, sequence } = entry
    pass(sequence)
    forgetFrames(entry)
    added += 1
    entries.add(entry)
    late.add(entry)
    owner.recent.add(entry)
    latestOf.set(topic, entry)
    if (!before) topicsInOrder.add(topic)
    count(total, entry, 1)
    count(owner, entry, 1)
    if (before?.standing === 'spared') thinned = Math.max(thinned, before.sequence)
    // it was there only for being the latest
    if (before && before.standing !== 'recent') drop(before)
    trimShare(owner, time)
    trim(time)
    return entry
  }

  function drop(entry: Kept): void {
    const { owner, standing, topic } = entry
    if (standing === 'kept') kept.remove(entry)
    else {
      entries.delete(entry)
      late.remove(entry)
    }
    if (standing === 'recent') owner.recent.remove(entry)
    else {
      count(held, entry, -1)
      count(owner.held, entry, -1)
    }
    count(total, entry, -1)
    count(owner, entry, -1)
    if (owner.entries === 0) owners.delete(owner.device)
    if (latestOf.get(topic) !== entry) return
    latestOf.delete(topic)
    topicsInOrder.delete(topic)
  }

  /** Whether an entry may stay for being the latest of its topic; counted if so. All such take half of what there is. */
  function hold(entry: Kept, time: number): boolean {
    const { owner, topic, stored } = entry
    if (entry.standing !== 'recent') return stored > time - topicTtl
    if (latestOf.get(topic) !== entry || stored <= time - topicTtl) return false
    const ownBytes = Math.min(bounds.bytes / 4, bytesPerDevice / 2)
    const isRoom =
      hasRoom(held, entry, topics, bounds.bytes / 2) &&
      hasRoom(owner.held, entry, topics / 2, ownBytes)
    if (!isRoom) return false
    count(held, entry, 1)
    count(owner.held, entry, 1)
    owner.recent.remove(entry)
    return true
  }

  function trimShare(owner: Owner, time: number): void {
    while (owner.bytes > bytesPerDevice) {
      const oldest = owner.recent.first()
      if (!oldest) return
      if (hold(oldest, time)) oldest.standing = 'spared'
      else {
        thinned = Math.max(thinned, oldest.sequence)
        drop(oldest)
      }
    }
  }

  function trim(time = now()): void {
    for (let oldest = entries.first(); oldest; oldest = entries.first()) {
      if (total.bytes <= bounds.bytes && oldest.stored > time - age) break
      trimmed = oldest.sequence
      if (hold(oldest, time)) {
        oldest.standing = 'kept'
        entries.delete(oldest)
        late.remove(oldest)
        kept.add(oldest)
      } else drop(oldest)
    }
    for (let oldest = kept.first(); oldest; oldest = kept.first()) {
      if (oldest.stored > time - topicTtl) break
      drop(oldest)
    }
  }

  const earliest = () => Math.max(beforeNewest, trimmed)

  return {
    add,
    frame: (entry, format) => frameOf(entry, idOf, format),
    after(number) {
      if (number < earliest() || number > latest) return null
      return [...entries.forward(({ sequence }) => sequence <= number)]
    },
    latest: () => latest,
    earliest,
    read({ after, upTo, filters, newestFirst }) {
      trim()
      const deliveries: Delivery[] = []
      let looked = 0
      const walk = newestFirst
        ? entries.backward(({ sequence }) => sequence > upTo)
        : entries.forward(({ sequence }) => sequence <= after)
      for (const entry of walk) {
        const { sequence, topic } = entry
        if (newestFirst ? sequence <= after : sequence > upTo) break
        looked += 1
        if (filters.some((filter) => topicMatches(filter, topic)))
          deliveries.push(deliveryOf(entry))
        if (looked === ENTRIES_READ)
          return { deliveries, looked, reached: newestFirst ? sequence - 1 : sequence }
      }
      return { deliveries, looked, reached: newestFirst ? after : upTo }
    },
    readTopics({ after, filters }) {
      trim()
      const deliveries: Delivery[] = []
      let looked = 0
      for (const topic of topicsInOrder.forward((other) => compareTopics(other, after) <= 0)) {
        looked += 1
        const entry = latestOf.get(topic)
        if (entry && filters.some((filter) => topicMatches(filter, topic)))
          deliveries.push(deliveryOf(entry))
        if (looked === TOPICS_READ) return { deliveries, looked, reached: topic }
      }
      return { deliveries, looked, reached: null }
    },
    readLate(range) {
      trim()
      return late.read(range)
    },
    split(time) {
      trim()
      const [from] = entries.forward(({ received }) => received < time)
      const number = from?.sequence ?? Number.MAX_SAFE_INTEGER
      const [before] = entries.backward(({ sequence }) => sequence >= number)
      return { before: before?.sequence ?? trimmed, from: from?.sequence ?? null }
    },
    state() {
      trim()
      return { trimmed, thinned, usage: { ...total } }
    },
  }
}

/** The log of a broker without a disk: all that it has is in `history`. */
export function logInMemory(log: BrokerLog, history: MemoryHistory): BrokerLog {
  return {
    ...log,
    oldest: () => history.state().trimmed,
    usage: () => history.state().usage,
    gapsAfter: (number) => [
      ...(number < history.state().thinned ? (['expired'] as const) : []),
      ...log.gapsAfter(number),
    ],
    read: async (range) => history.read(range),
    readTopics: async (range) => history.readTopics(range),
    readLate: async (range) => history.readLate(range),
    split: async (time) => history.split(time),
  }
}

function count(tally: Tally, { bytes }: Kept, by: 1 | -1): void {
  tally.entries += by
  tally.bytes += by * bytes
}

function hasRoom(tally: Tally, { bytes }: Kept, entries: number, most: number): boolean {
  return tally.entries < entries && tally.bytes + bytes <= most
}

/** In the order of UTF-8, which UTF-16 has but for what takes two units. */
function compareTopics(one: string, other: string): number {
  if (one === other) return 0
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) {
    const [a, b] = [one.charCodeAt(index), other.charCodeAt(index)]
    if (a !== b) return inUtf8(a) - inUtf8(b)
  }
  return one.length - other.length
}

/** Surrogates come after all other units. */
function inUtf8(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10_000 : unit
}
