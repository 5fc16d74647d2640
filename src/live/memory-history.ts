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
import type { LogState, Retention } from '../broker/store/retention.ts'
import { createChain } from './chain.ts'
import { frameOf, type History } from './history.ts'
import { createLateEntries } from './late-entries.ts'
import { type EntryOwner, type MemoryEntry, toMemoryEntry } from './memory-entry.ts'
import { createOwners } from './memory-owners.ts'
import { readEntries, readTopics, splitEntries } from './memory-pages.ts'
import { createNewest } from './newest.ts'
import { createSorted } from './sorted.ts'
import { compareTopics } from './topic-order.ts'

/** The history of a broker without a disk, which is also its log. It drops old messages at each write and read. */
export interface MemoryHistory extends History {
  read(range: LogRange): LogPage
  readTopics(range: TopicRange): TopicPage
  readLate(range: LateRange): LatePage
  split(time: number): LogSplit
  state(): LogState
}

export interface MemoryBounds extends Retention {
  /** The number of newest messages with which a stream begins when all are requested. */
  readonly messages: number
}

/** The possible error of a message's age. */
const MOMENT_MS = 100

/** `now` is a monotonic clock in milliseconds. `idOf` makes the id of a message in events. */
export function createMemoryHistory(
  bounds: MemoryBounds,
  idOf: (number: number) => string,
  now: () => number = () => performance.now(),
): MemoryHistory {
  const { age, topicTtl, bytesPerDevice } = bounds
  // all entries that are not `kept`, by number
  const entries = createSorted<MemoryEntry>((one, other) => one.sequence - other.sequence)
  const late = createLateEntries()
  const kept = createChain<MemoryEntry>()
  const latestOf = new Map<string, MemoryEntry>()
  const topics = createSorted(compareTopics)
  const owners = createOwners(bounds)
  const newest = createNewest(bounds.messages)
  let clock = { wall: Number.NEGATIVE_INFINITY, time: 0 }
  let trimmed = 0
  let thinned = 0

  /** Reads the clock once for all messages of a moment, because it takes as long as all the rest here. */
  function timeOf({ received }: Delivery): number {
    if (Math.abs(received - clock.wall) > MOMENT_MS) clock = { wall: received, time: now() }
    return clock.time
  }

  function add(delivery: Delivery): MemoryEntry {
    const time = timeOf(delivery)
    const before = latestOf.get(delivery.topic)
    const entry = toMemoryEntry(delivery, before, time, owners.of(delivery.device))
    newest.add(entry)
    entries.add(entry)
    late.add(entry)
    owners.add(entry)
    latestOf.set(entry.topic, entry)
    if (!before) topics.add(entry.topic)
    else replace(before)
    trimShare(entry.owner, time)
    trim(time)
    return entry
  }

  /** Drops a message that stayed only because it was the latest of its topic. */
  function replace(before: MemoryEntry): void {
    if (before.standing === 'recent') return
    if (before.standing === 'spared') thinned = Math.max(thinned, before.sequence)
    drop(before)
  }

  function drop(entry: MemoryEntry): void {
    if (entry.standing === 'kept') kept.remove(entry)
    else {
      entries.delete(entry)
      late.remove(entry)
    }
    owners.remove(entry)
    if (latestOf.get(entry.topic) !== entry) return
    latestOf.delete(entry.topic)
    topics.delete(entry.topic)
  }

  /** Whether an entry may stay because it is the latest of its topic. */
  function mayStay(entry: MemoryEntry, time: number): boolean {
    if (entry.stored <= time - topicTtl) return false
    if (entry.standing !== 'recent') return true
    return latestOf.get(entry.topic) === entry && owners.hold(entry)
  }

  /** Reduces a device to its share. */
  function trimShare(owner: EntryOwner, time: number): void {
    while (owner.bytes > bytesPerDevice) {
      const oldest = owner.recent.first()
      if (!oldest) return
      if (mayStay(oldest, time)) oldest.standing = 'spared'
      else {
        thinned = Math.max(thinned, oldest.sequence)
        drop(oldest)
      }
    }
  }

  function trim(time = now()): void {
    for (let oldest = entries.first(); oldest; oldest = entries.first()) {
      if (owners.total.bytes <= bounds.bytes && oldest.stored > time - age) break
      trimmed = oldest.sequence
      if (mayStay(oldest, time)) {
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

  const earliest = () => Math.max(newest.start(), trimmed)

  return {
    add,
    frame: (entry, format) => frameOf(entry, idOf, format),
    after(number) {
      if (number < earliest() || number > newest.latest()) return null
      return [...entries.forward(({ sequence }) => sequence <= number)]
    },
    latest: newest.latest,
    earliest,
    read(range) {
      trim()
      return readEntries(entries, range)
    },
    readTopics(range) {
      trim()
      return readTopics(topics, latestOf, range)
    },
    readLate(range) {
      trim()
      return late.read(range)
    },
    split(time) {
      trim()
      return splitEntries(entries, time, trimmed)
    },
    state() {
      trim()
      return { trimmed, thinned, usage: { ...owners.total } }
    },
  }
}

/** The log of a broker without a disk: all its messages are in `history`. */
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
