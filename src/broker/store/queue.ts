import type { Delivery } from '../delivery.ts'
import type { Group } from '../groups.ts'
import type { Bundle } from './bundles.ts'
import { createFifo } from './fifo.ts'
import type { SharedMessage } from './shared-messages.ts'

export const MAX_PACKET_ID = 65_535

/** A QoS 1 or 2 message in the queue of one session. */
export interface QueueEntry {
  readonly id: number
  readonly qos: 1 | 2
  /**
   * Whether its PUBLISH has RETAIN: it was sent for a new subscription [MQTT-3.3.1-8], or the subscription wants RETAIN as
   * published.
   */
  readonly retain: boolean
  /** Subscription identifiers to send with it; null for none. */
  identifiers: readonly number[] | null
  /** The shared subscription that chose this session; another member can get the message instead. */
  readonly group: Group | null
  /** Null once the receiver has it. */
  message: Delivery | null
  /** The stored message; null in a session that ends with its connection. */
  readonly shared: SharedMessage | null
  /** The bundle that the copy came from, if it has no row of its own in the store. */
  readonly bundle: Bundle | null
  /** When it was queued, in milliseconds since the Unix epoch. */
  readonly since: number
  /** Bytes that it counts while it has its message. */
  readonly bytes: number
  /** 0 until it is sent. */
  packetId: number
  /** Whether PUBREC came: only the PUBREL is left to send, until PUBCOMP comes. */
  isReleased: boolean
  /** Whether it is being moved to another member of its group: until that is stored it is not sent. */
  isMoving: boolean
}

/** The outgoing messages of one session: being stored, waiting to be sent, or sent and not yet acknowledged. */
export interface Queue {
  length(): number
  /** How many were never sent. */
  unsent(): number
  bytes(): number
  /** How many were sent on this connection and are not yet acknowledged. */
  inFlight(): number
  /** Counts an entry that is being stored; it is not sent before `admit`. */
  reserve(entry: QueueEntry): void
  admit(entry: QueueEntry): void
  /** Takes an unsent entry back: it is not sent before it is admitted again. */
  withhold(entry: QueueEntry): void
  remove(entry: QueueEntry): void
  /** A new connection: unacknowledged messages must be sent again, first and in their order [MQTT-4.6.0-1]. */
  rewind(): void
  /** The next entry to send, if there is one. */
  next(): QueueEntry | undefined
  /** Whether nothing waits to be sent. */
  isIdle(): boolean
  /** Counts the result of `next`, or a new entry, as sent; it has a packet identifier from then on. */
  sent(entry: QueueEntry): void
  /** Drops the message, which is not sent again. */
  dropMessage(entry: QueueEntry): void
  byPacketId(packetId: number): QueueEntry | undefined
  /** The oldest entry that was never sent. */
  oldestUnsent(): QueueEntry | undefined
  /** The oldest sent entry or, if there is none, the oldest unsent one. */
  oldest(): QueueEntry | undefined
  /** The unsent entries whose message has expired at `time`, in milliseconds since the Unix epoch. */
  expired(time: number): QueueEntry[]
  /** Adds copies in bundles, which wait for the session to return; negative numbers subtract. */
  count(copies: number, bytes: number): void
  /** Admits entries that may be older than those that wait to be sent. */
  admitInOrder(entries: readonly QueueEntry[]): void
  /** The sent entries, then those that wait to be sent. */
  admitted(): QueueEntry[]
  all(): QueueEntry[]
}

/** `share` is the total of all queues of one device; this queue adds and subtracts its own bytes. */
export function createQueue(share: { bytes: number }): Queue {
  const reserved = new Set<QueueEntry>()
  let unsent = createFifo<QueueEntry>()
  // copies in bundles
  let waiting = 0
  const sent = new Map<number, QueueEntry>()
  // sent on an earlier connection, but not yet on this one
  let repeats = createFifo<QueueEntry>()
  let bytes = 0
  let lastPacketId = 0
  // no unsent message expires before this time
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

  /** A packet identifier that is not in use [MQTT-2.3.1-4]. */
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
