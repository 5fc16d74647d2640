import type { Change, Payload } from './changes.ts'
import type { Ground } from './ground.ts'
import {
  byteLength,
  ownPayload,
  type PublishPacket,
  restoredPayload,
  type Stamp,
  stampOf,
  toProperties,
} from './packet.ts'

/** The broker id of messages that are no more, or never were, aedes'; their counter is the store's own number. */
const OWN = '$store'

/** A message that waits in queues, held once however many they are. */
export interface Message {
  readonly id: number
  /** aedes' name for it, by which it asks after it. */
  readonly brokerId: string
  readonly brokerCounter: number
  readonly topic: string
  readonly payload: Payload
  readonly properties?: Stamp
  readonly bytes: number
  /** When it was queued, in milliseconds since the Unix epoch. */
  readonly stored: number
  /** How many queues hold it. */
  holders: number
}

export type Messages = ReturnType<typeof createMessages>

export function createMessages({ journal, now, ids }: Ground) {
  const restored = new Map<number, Message>()
  let bytes = 0

  function create({ topic, ...packet }: PublishPacket): Message {
    const id = ids.next()
    const { brokerId = OWN, brokerCounter = id } = packet
    const payload = ownPayload(packet.payload)
    const properties = toProperties(...stampOf(packet))
    const name = { id, brokerId, brokerCounter, topic }
    const size = byteLength({ topic, payload })
    return { ...name, payload, ...properties, bytes: size, stored: now(), holders: 0 }
  }

  function hold(message: Message): void {
    if (message.holders === 0) bytes += message.bytes
    message.holders += 1
  }

  function letGo(message: Message): void {
    message.holders -= 1
    if (message.holders > 0) return
    bytes -= message.bytes
    journal.later(`message ${message.id}`, ['dropMessage', message.id])
  }

  /** Lets go of a message that was never stored. */
  function abandon(message: Message): void {
    if (message.holders > 0) bytes -= message.bytes
    message.holders = 0
  }

  return {
    /** Of topics and payloads held. */
    get bytes() {
      return bytes
    },
    create,
    hold,
    letGo,
    abandon,
    restore(
      id: number,
      topic: string,
      payload: Payload,
      device: string | null,
      time: number | null,
      stored: number,
    ): void {
      ids.passed(id)
      const own = { topic, payload: restoredPayload(payload), ...toProperties(device, time) }
      const name = { id, brokerId: OWN, brokerCounter: id }
      restored.set(id, { ...name, ...own, bytes: byteLength(own), stored, holders: 0 })
    },
    restored: (id: number) => restored.get(id),
    /** Called once everything that holds a message is restored too. */
    endRestore: () => restored.clear(),
  }
}

export function toChange(message: Message): Change {
  const { id, topic, payload, stored } = message
  return ['message', id, topic, payload, ...stampOf(message), stored]
}
