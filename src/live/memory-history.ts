import type { LatePage, LateRange, LogSplit, TopicPage, TopicRange } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { LogState, Retention } from '../broker/store/retention.ts'
import { frameOf, toEntry } from './entry.ts'
import type { History } from './history.ts'
import { createLateInMemory } from './late-in-memory.ts'
import { createOwners } from './memory-owners.ts'
import { readRows, readTopics, splitRows } from './memory-pages.ts'
import { createNewest } from './newest.ts'
import type { Row } from './row.ts'
import { createRowChain } from './row-chain.ts'
import { createRows, KEPT, RECENT, type RowOwner, type RowTopic, SPARED } from './rows.ts'
import { createSorted } from './sorted.ts'
import { compareTopics } from './topic-order.ts'

/** The history of a broker without a disk, which is also its log. It drops old messages at each write and read. */
export interface MemoryHistory extends History {
  readTopics(range: TopicRange): TopicPage
  readLate(range: LateRange): LatePage
  split(time: number): LogSplit
  state(): LogState
}

export interface MemoryBounds extends Retention {
  /** The number of newest messages with which a stream begins when all are requested. */
  readonly messages: number
  /** The most messages in all; without a limit if it is absent. */
  readonly entries?: number
  /** The number before that of the first message. */
  readonly start?: number
}

/** The possible error of a message's age. */
const MOMENT_MS = 100

/** `now` is a monotonic clock in milliseconds. `idOf` makes the id of a message in events. */
export function createMemoryHistory(
  bounds: MemoryBounds,
  idOf: (number: number) => string,
  now: () => number = () => performance.now(),
): MemoryHistory {
  const { ageMs, topicTtlMs, bytesPerDevice, entries: mostRows = Number.POSITIVE_INFINITY } = bounds
  const rows = createRows()
  // all rows that are not `KEPT`, by number
  const sorted = createSorted<Row>((one, other) => rows.sequence(one) - rows.sequence(other))
  const late = createLateInMemory(rows)
  const kept = createRowChain(rows)
  // those with a latest message
  const topicOf = new Map<string, RowTopic>()
  const topics = createSorted<RowTopic>((one, other) => compareTopics(one.name, other.name))
  const owners = createOwners(rows, bounds)
  const newest = createNewest(rows, bounds.messages, bounds.start ?? 0)
  const timeOf = createTimeOf(now)
  let trimmed = bounds.start ?? 0
  let thinned = 0

  function add(delivery: Delivery): void {
    const time = timeOf(delivery)
    const topic = topicOf.get(delivery.topic) ?? addTopic(delivery.topic)
    const owner = owners.of(delivery.device)
    const row = rows.add(delivery, topic, owner, time)
    newest.add(delivery.sequence)
    sorted.add(row)
    late.add(row)
    owners.add(row)
    const { latest } = topic
    topic.latest = row
    if (latest) replace(latest)
    trimShare(owner, time)
    trim(time)
  }

  function addTopic(name: string): RowTopic {
    const topic = { name, latest: 0 }
    topicOf.set(name, topic)
    topics.add(topic)
    return topic
  }

  /** Drops a message that stayed only because it was the latest of its topic. */
  function replace(row: Row): void {
    const standing = rows.standing.get(row)
    if (standing === RECENT) return
    if (standing === SPARED) thinned = Math.max(thinned, rows.sequence(row))
    drop(row)
  }

  function drop(row: Row): void {
    if (rows.standing.get(row) === KEPT) kept.remove(row)
    else {
      sorted.delete(row)
      late.remove(row)
    }
    owners.remove(row)
    const topic = rows.topic(row)
    rows.remove(row)
    if (topic.latest !== row) return
    topic.latest = 0
    topicOf.delete(topic.name)
    topics.delete(topic)
  }

  /** Whether a row may stay because it is the latest of its topic. */
  function mayStay(row: Row, time: number): boolean {
    if (rows.addedAt(row) <= time - topicTtlMs) return false
    if (rows.standing.get(row) !== RECENT) return true
    return rows.topic(row).latest === row && owners.hold(row)
  }

  /** Reduces a device to its share. */
  function trimShare(owner: RowOwner, time: number): void {
    while (owner.bytes > bytesPerDevice) {
      const oldest = owner.recent.first()
      if (!oldest) return
      if (mayStay(oldest, time)) rows.standing.set(oldest, SPARED)
      else {
        thinned = Math.max(thinned, rows.sequence(oldest))
        drop(oldest)
      }
    }
  }

  function isTrimmed(row: Row, time: number): boolean {
    return (
      owners.total.bytes > bounds.bytes ||
      owners.total.entries > mostRows ||
      rows.addedAt(row) <= time - ageMs
    )
  }

  function trim(time = now()): void {
    for (let oldest = sorted.first(); oldest; oldest = sorted.first()) {
      if (!isTrimmed(oldest, time)) break
      trimmed = rows.sequence(oldest)
      if (mayStay(oldest, time)) {
        rows.standing.set(oldest, KEPT)
        sorted.delete(oldest)
        late.remove(oldest)
        kept.add(oldest)
      } else drop(oldest)
    }
    for (let oldest = kept.first(); oldest; oldest = kept.first()) {
      if (rows.addedAt(oldest) > time - topicTtlMs) break
      drop(oldest)
    }
  }

  /** Drops what is too old before it reads. */
  function current<Asked, Found>(read: (asked: Asked) => Found): (asked: Asked) => Found {
    return (asked) => {
      trim()
      return read(asked)
    }
  }

  const earliest = () => Math.max(newest.start(), trimmed)

  return {
    add,
    entry(delivery) {
      const row = sorted.last() ?? 0
      return row && rows.sequence(row) === delivery.sequence ? newest.entry(row) : toEntry(delivery)
    },
    frame: (entry, format) => frameOf(entry, idOf, format),
    after(number) {
      if (number < earliest() || number > newest.latest()) return null
      const later = sorted.forward((row) => rows.sequence(row) <= number)
      return Array.from(later, newest.entry)
    },
    latest: newest.latest,
    earliest,
    read: current((range) => readRows(rows, sorted, range)),
    readTopics: current((range) => readTopics(rows, topics, range)),
    readLate: current(late.read),
    split: current((time) => splitRows(rows, sorted, time, trimmed)),
    state() {
      trim()
      return { trimmed, thinned, usage: { ...owners.total } }
    },
  }
}

/**
 * Returns when a message came by the clock `now`, which is read once for all messages of a moment, because that takes as long as
 * all the rest here.
 */
function createTimeOf(now: () => number): (delivery: Delivery) => number {
  let clock = { wall: Number.NEGATIVE_INFINITY, time: 0 }
  return ({ received }) => {
    if (Math.abs(received - clock.wall) > MOMENT_MS) clock = { wall: received, time: now() }
    return clock.time
  }
}

/** The newest messages of a log on disk, after number `start`. `bytes` are counted as those of `Retention`. */
export function createHistory(
  start: number,
  { messages, bytes }: { readonly messages: number; readonly bytes: number },
  idOf: (number: number) => string,
): History {
  const bounds: MemoryBounds = {
    start,
    messages,
    entries: messages,
    bytes,
    ageMs: Number.POSITIVE_INFINITY,
    bytesPerDevice: Number.POSITIVE_INFINITY,
    topicTtlMs: 0,
    topics: 0,
  }
  return createMemoryHistory(bounds, idOf)
}
