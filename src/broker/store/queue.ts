import type { Delivery } from '../broker.ts'
import type { Group } from '../groups.ts'
import type { Bundle } from './bundles.ts'
import { createFifo } from './fifo.ts'
import type { SharedMessage } from './shared-messages.ts'

export const MAX_PACKET_ID = 65_535

/** A QoS 1 or 2 message's place in one session's queue. */
export interface QueueEntry {
  readonly id: number
  readonly qos: 1 | 2
  /** Whether its PUBLISH has RETAIN: a new subscription brought it [MQTT-3.3.1-8], or one that wants RETAIN as published. */
  readonly retain: boolean
  /** Subscription identifiers to send along; null for none. */
  identifiers: readonly number[] | null
  /** The shared subscription that chose this session; another member can get it instead. */
  readonly group: Group | null
  /** Null once the receiver has it. */
  message: Delivery | null
  /** What the store holds of the message; null in a session that ends with its connection. */
  readonly shared: SharedMessage | null
  /** What it was a copy of, where that has no row of its own in the store. */
  readonly bundle: Bundle | null
  /** When it came into the queue, in milliseconds since the Unix epoch. */
  readonly since: number
  /** Bytes counted for it as long as it has its message. */
  readonly bytes: number
  /** 0 until it is sent. */
  packetId: number
  /** Whether PUBREC came: what is left is the PUBREL, until PUBCOMP. */
  isReleased: boolean
  /** Whether it is being given to another member of its group: until that is stored it is sent to nobody. */
  isMoving: boolean
}

/**
 * One session's outgoing messages: on their way into the store, waiting to be sent, or sent and not
 * yet acknowledged.
 */
export interface Queue {
  length(): number
  /** How many were never sent. */
  unsent(): number
  bytes(): number
  /** How many were sent on this connection and are not yet acknowledged. */
  inFlight(): number
  /** Counts an entry that is on its way into the store; it is not sent before `admit`. */
  reserve(entry: QueueEntry): void
  admit(entry: QueueEntry): void
  /** Takes an unsent entry back: it is not sent before it is admitted again. */
  withhold(entry: QueueEntry): void
  remove(entry: QueueEntry): void
  /** A new connection: what was sent and not acknowledged is to be sent again, first and in its order [MQTT-4.6.0-1]. */
  rewind(): void
  /** The entry to send next, if there is one. */
  next(): QueueEntry | undefined
  /** Whether nothing waits to be sent. */
  isIdle(): boolean
  /** Counts the entry that `next` gave, or a new one, as sent; it has a packet identifier from then on. */
  sent(entry: QueueEntry): void
  /** Lets go of the message, which is not sent again. */
  dropMessage(entry: QueueEntry): void
  byPacketId(packetId: number): QueueEntry | undefined
  /** The oldest that was never sent. */
  oldestUnsent(): QueueEntry | undefined
  /** The oldest of those that were sent, else of those that were not. */
  oldest(): QueueEntry | undefined
  /** The unsent ones whose message has expired, at a time in milliseconds since the Unix epoch. */
  expired(time: number): QueueEntry[]
  /** Counts copies of bundles, which wait for the session to come back; less of them where it is negative. */
  count(copies: number, bytes: number): void
  /** Admits entries that may be older than those that wait to be sent. */
  admitInOrder(entries: readonly QueueEntry[]): void
  /** Those that were sent, then those that wait for it. */
  admitted(): QueueEntry[]
  all(): QueueEntry[]
}

/** `share` is what the queues of one device have together; this one keeps its part of it right. */
export function createQueue(share: { bytes: number }): Queue {
  const reserved = new Set<QueueEntry>()
  let unsent = createFifo<QueueEntry>()
  // in bundles
  let waiting = 0
  const sent = new Map<number, QueueEntry>()
  // sent on an earlier connection and not yet on this one
  let repeats = createFifo<QueueEntry>()
  let bytes = 0
  let lastPacketId = 0
  // no unsent message expires before this
  let soonest = Number.POSITIVE_INFINITY

  function grow(by: number): void {
    bytes += by
    share.bytes += by
  }

  function dropMessage(entry: QueueEntry): void {
    if (entry.message === null) return
    grow(-entry.bytes)
    entry.message = null
    entry.identifiers = null
  }

  function isSent(entry: QueueEntry): boolean {
    return sent.get(entry.packetId) === entry
  }

  /** None that is in flight [MQTT-2.3.1-4]. */
  function freePacketId(): number {
    do lastPacketId = (lastPacketId % MAX_PACKET_ID) + 1
    while (sent.has(lastPacketId))
    return lastPacketId
  }

  function admit(entry: QueueEntry): void {
    if (!reserved.delete(entry) && entry.message) grow(entry.bytes)
    if (entry.packetId === 0) {
      unsent.add(entry)
      soonest = Math.min(soonest, expiryOf(entry))
    } else sent.set(entry.packetId, entry)
  }

  return {
    length: () => reserved.size + unsent.size() + sent.size + waiting,
    unsent: () => unsent.size(),
    bytes: () => bytes,
    inFlight: () => sent.size - repeats.size(),
    reserve(entry) {
      reserved.add(entry)
      grow(entry.bytes)
    },
    admit,
    withhold(entry) {
      if (unsent.delete(entry)) reserved.add(entry)
    },
    remove(entry) {
      reserved.delete(entry)
      unsent.delete(entry)
      if (isSent(entry)) sent.delete(entry.packetId)
      repeats.delete(entry)
      dropMessage(entry)
    },
    rewind() {
      repeats = createFifo(sent.values())
    },
    next() {
      const repeat = repeats.first()
      if (repeat || sent.size >= MAX_PACKET_ID) return repeat
      return unsent.first()
    },
    isIdle: () => unsent.size() === 0 && repeats.size() === 0,
    sent(entry) {
      repeats.delete(entry)
      if (entry.packetId > 0) return
      entry.packetId = freePacketId()
      unsent.delete(entry)
      sent.set(entry.packetId, entry)
    },
    dropMessage,
    byPacketId: (packetId) => sent.get(packetId),
    oldestUnsent: () => unsent.first(),
    oldest: () => sent.values().next().value ?? unsent.first(),
    expired(time) {
      if (time < soonest) return []
      const entries = [...unsent.values()]
      const left = entries.filter((entry) => expiryOf(entry) > time)
      soonest = left.reduce(
        (least, entry) => Math.min(least, expiryOf(entry)),
        Number.POSITIVE_INFINITY,
      )
      return entries.filter((entry) => expiryOf(entry) <= time)
    },
    count(copies, bytes) {
      waiting += copies
      grow(bytes)
    },
    admitInOrder(entries) {
      const before = [...unsent.values()]
      for (const entry of entries) admit(entry)
      if (before.length > 0)
        unsent = createFifo([...before, ...entries].sort((a, b) => a.id - b.id))
    },
    admitted: () => [...sent.values(), ...unsent.values()],
    all: () => [...sent.values(), ...unsent.values(), ...reserved],
  }
}

function expiryOf({ message }: QueueEntry): number {
  return message?.expires ?? Number.POSITIVE_INFINITY
}
