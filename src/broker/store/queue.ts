import { createFifo, type Fifo } from './fifo.ts'
import type { Queue, QueueEntry } from './queue-types.ts'

const MAX_PACKET_ID = 65_535

/** `share` is the total of all queues of one device; this queue adds and subtracts its own bytes. */
export function createQueue(share: { bytes: number }): Queue {
  return new SessionQueue(share)
}

// what an empty queue holds: there are tens of thousands, and most wait for nothing
const NONE_WAITING: Fifo<QueueEntry> = createFifo()
const NONE_RESERVED = new Set<QueueEntry>()
const NONE_SENT = new Map<number, QueueEntry>()

/** A class, because closures would take several times the memory. */
class SessionQueue implements Queue {
  readonly #share: { bytes: number }
  #reserved = NONE_RESERVED
  #unsent = NONE_WAITING
  /** Copies in bundles. */
  #waiting = 0
  #sent = NONE_SENT
  /** Sent on an earlier connection, but not yet on this one. */
  #repeats = NONE_WAITING
  #bytes = 0
  #lastPacketId = 0
  /** No unsent message expires before this time. */
  #soonest = Number.POSITIVE_INFINITY

  constructor(share: { bytes: number }) {
    this.#share = share
  }

  #grow(by: number): void {
    this.#bytes += by
    this.#share.bytes += by
  }

  #addReserved(entry: QueueEntry): void {
    if (this.#reserved === NONE_RESERVED) this.#reserved = new Set()
    this.#reserved.add(entry)
  }

  #addSent(entry: QueueEntry): void {
    if (this.#sent === NONE_SENT) this.#sent = new Map()
    this.#sent.set(entry.packetId, entry)
  }

  #isSent(entry: QueueEntry): boolean {
    return this.#sent.get(entry.packetId) === entry
  }

  /** A packet identifier that is not in use [MQTT-2.3.1-4]. */
  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % MAX_PACKET_ID) + 1
    while (this.#sent.has(this.#lastPacketId))
    return this.#lastPacketId
  }

  #countSent(entry: QueueEntry): void {
    entry.packetId = this.#freePacketId()
    this.#addSent(entry)
  }

  length(): number {
    return this.#reserved.size + this.#unsent.size() + this.#sent.size + this.#waiting
  }

  unsent(): number {
    return this.#unsent.size()
  }

  bytes(): number {
    return this.#bytes
  }

  inFlight(): number {
    return this.#sent.size - this.#repeats.size()
  }

  reserve(entry: QueueEntry): void {
    this.#addReserved(entry)
    this.#grow(entry.bytes)
  }

  admit(entry: QueueEntry): void {
    if (!this.#reserved.delete(entry) && entry.message) this.#grow(entry.bytes)
    if (entry.packetId === 0) {
      if (this.#unsent === NONE_WAITING) this.#unsent = createFifo()
      this.#unsent.add(entry)
      this.#soonest = Math.min(this.#soonest, expiryOf(entry))
    } else this.#addSent(entry)
  }

  admitSent(entry: QueueEntry): void {
    if (entry.message) this.#grow(entry.bytes)
    this.#countSent(entry)
  }

  withhold(entry: QueueEntry): void {
    if (this.#unsent.delete(entry)) this.#addReserved(entry)
  }

  remove(entry: QueueEntry): void {
    if (this.#isSent(entry)) {
      this.#sent.delete(entry.packetId)
      if (this.#repeats.size() > 0) this.#repeats.delete(entry)
    } else if (!this.#reserved.delete(entry)) this.#unsent.delete(entry)
    this.dropMessage(entry)
  }

  rewind(): void {
    this.#repeats = this.#sent.size === 0 ? NONE_WAITING : createFifo(this.#sent.values())
  }

  next(): QueueEntry | undefined {
    const repeat = this.#repeats.first()
    if (repeat || this.#sent.size >= MAX_PACKET_ID) return repeat
    return this.#unsent.first()
  }

  isIdle(): boolean {
    return this.#unsent.size() === 0 && this.#repeats.size() === 0
  }

  sent(entry: QueueEntry): void {
    this.#repeats.delete(entry)
    if (entry.packetId > 0) return
    this.#unsent.delete(entry)
    this.#countSent(entry)
  }

  dropMessage(entry: QueueEntry): void {
    if (entry.message === null) return
    this.#grow(-entry.bytes)
    entry.message = null
    entry.identifiers = null
  }

  byPacketId(packetId: number): QueueEntry | undefined {
    return this.#sent.get(packetId)
  }

  oldestUnsent(): QueueEntry | undefined {
    return this.#unsent.first()
  }

  oldest(): QueueEntry | undefined {
    return this.#sent.values().next().value ?? this.#unsent.first()
  }

  expired(time: number): QueueEntry[] {
    if (time < this.#soonest) return []
    const entries = [...this.#unsent.values()]
    const left = entries.filter((entry) => expiryOf(entry) > time)
    this.#soonest = left.reduce(
      (least, entry) => Math.min(least, expiryOf(entry)),
      Number.POSITIVE_INFINITY,
    )
    return entries.filter((entry) => expiryOf(entry) <= time)
  }

  count(copies: number, bytes: number): void {
    this.#waiting += copies
    this.#grow(bytes)
  }

  admitInOrder(entries: readonly QueueEntry[]): void {
    const before = [...this.#unsent.values()]
    for (const entry of entries) this.admit(entry)
    if (before.length > 0)
      this.#unsent = createFifo([...before, ...entries].sort((a, b) => a.id - b.id))
  }

  admitted(): QueueEntry[] {
    return [...this.#sent.values(), ...this.#unsent.values()]
  }

  all(): QueueEntry[] {
    return [...this.#sent.values(), ...this.#unsent.values(), ...this.#reserved]
  }
}

function expiryOf({ message }: QueueEntry): number {
  return message?.expires ?? Number.POSITIVE_INFINITY
}
