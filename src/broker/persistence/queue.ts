import type { Qos } from '../../topic/message.ts'
import type { Message } from './messages.ts'

export const MAX_PACKET_ID = 65_535

/** A message's place in one session's queue. */
export interface Entry {
  readonly id: number
  readonly qos: Qos
  /** Whether a new subscription brought it [MQTT-3.3.1-8]; for one that was there only a bridge is told of RETAIN [MQTT-3.3.1-9]. */
  readonly retain: boolean
  /** Undefined once the receiver has it and only the PUBREL is left to be acknowledged. */
  message: Message | undefined
  packetId: number | undefined
  /** The connection it was last sent on. */
  sentOn: number
}

/**
 * One session's outgoing messages: on their way into the store, waiting to be sent, or sent and not
 * yet acknowledged.
 */
export interface Queue {
  readonly length: number
  readonly bytes: number
  /** How many were sent and are not yet acknowledged. */
  readonly inFlight: number
  /** Counts an entry that is on its way into the store; it is not sent before `admit`. */
  reserve(entry: Entry): void
  admit(entry: Entry): void
  remove(entry: Entry): void
  /** Moves an unsent entry to the sent ones, under this identifier or the next that is free; returns which. */
  send(entry: Entry, packetId: number): number
  /** Ends the part of a QoS 2 exchange that needs the message, and returns that message. */
  release(entry: Entry): Message | undefined
  byMessage(brokerId: string | undefined, brokerCounter: number | undefined): Entry | undefined
  byPacketId(packetId: number | undefined): Entry | undefined
  /** The next identifier from this one on that no sent entry has. */
  freePacketId(packetId: number): number
  oldestUnsent(): Entry | undefined
  isUnsent(entry: Entry): boolean
  /** In the order of sending [MQTT-4.6.0-1]. */
  sent(): Entry[]
  /** In the order of queueing. */
  unsent(): Entry[]
  all(): Entry[]
}

/** `share` is what the queues of one device have together; this one keeps its part of it right. */
export function createQueue(share: { bytes: number }): Queue {
  const reserved = new Set<Entry>()
  const unsent = new Map<number, Entry>()
  const sent = new Map<number, Entry>()
  const named = new Map<string, Entry>()
  let bytes = 0

  function grow(by: number): void {
    bytes += by
    share.bytes += by
  }

  const nameOf = (message: Message) => toName(message.brokerId, message.brokerCounter)

  function lose(entry: Entry): Message | undefined {
    const { message } = entry
    if (!message) return undefined
    grow(-message.bytes)
    const name = nameOf(message)
    if (named.get(name) === entry) named.delete(name)
    return message
  }

  function freePacketId(wanted: number): number {
    if (sent.size >= MAX_PACKET_ID) throw new Error('every packet identifier is in use')
    let packetId = wanted
    while (sent.has(packetId)) packetId = (packetId % MAX_PACKET_ID) + 1
    return packetId
  }

  return {
    get length() {
      return reserved.size + unsent.size + sent.size
    },
    get bytes() {
      return bytes
    },
    get inFlight() {
      return sent.size
    },
    reserve(entry) {
      reserved.add(entry)
      grow(entry.message?.bytes ?? 0)
    },
    admit(entry) {
      if (!reserved.delete(entry)) grow(entry.message?.bytes ?? 0)
      if (entry.message) named.set(nameOf(entry.message), entry)
      if (entry.packetId === undefined) unsent.set(entry.id, entry)
      else sent.set(entry.packetId, entry)
    },
    remove(entry) {
      reserved.delete(entry)
      unsent.delete(entry.id)
      if (entry.packetId !== undefined) sent.delete(entry.packetId)
      lose(entry)
    },
    send(entry, wanted) {
      const packetId = freePacketId(wanted)
      entry.packetId = packetId
      unsent.delete(entry.id)
      sent.set(packetId, entry)
      return packetId
    },
    release(entry) {
      const message = lose(entry)
      entry.message = undefined
      return message
    },
    byMessage: (brokerId, brokerCounter) => named.get(toName(brokerId, brokerCounter)),
    byPacketId: (packetId) => (packetId === undefined ? undefined : sent.get(packetId)),
    freePacketId,
    oldestUnsent: () => unsent.values().next().value,
    isUnsent: (entry) => unsent.has(entry.id),
    sent: () => [...sent.values()],
    unsent: () => [...unsent.values()],
    all: () => [...sent.values(), ...unsent.values(), ...reserved],
  }
}

function toName(brokerId: string | undefined, brokerCounter: number | undefined): string {
  return `${brokerId} ${brokerCounter}`
}
