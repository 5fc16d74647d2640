import { createFifo } from './fifo.ts'
import type { Queue, QueueEntry } from './queue-types.ts'

const MAX_PACKET_ID = 65_535

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

  function countSent(entry: QueueEntry): void {
    entry.packetId = freePacketId()
    sent.set(entry.packetId, entry)
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
    admitSent(entry) {
      if (entry.message) grow(entry.bytes)
      countSent(entry)
    },
    withhold(entry) {
      if (unsent.delete(entry)) reserved.add(entry)
    },
    remove(entry) {
      if (isSent(entry)) {
        sent.delete(entry.packetId)
        if (repeats.size() > 0) repeats.delete(entry)
      } else if (!reserved.delete(entry)) unsent.delete(entry)
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
      unsent.delete(entry)
      countSent(entry)
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
