import type { Message, Qos } from '../../topic/message.ts'
import type { Change } from './changes.ts'
import { byteLength, fromColumn, ownMessage, toBuffer, toColumn } from './columns.ts'
import type { Ground } from './ground.ts'

/** A message that waits in queues of stored sessions, held once however many they are. */
export interface Held {
  readonly id: number
  readonly message: Message
  readonly bytes: number
  /** When it was queued, in milliseconds since the Unix epoch. */
  readonly stored: number
  /** How many queues hold it. */
  holders: number
}

export type Messages = ReturnType<typeof createMessages>

export function createMessages({ journal, now, ids }: Ground) {
  const restored = new Map<number, Held>()
  let bytes = 0

  return {
    /** Of topics, payloads and properties held. */
    get bytes() {
      return bytes
    },
    create(message: Message): Held {
      const own = ownMessage(message)
      return { id: ids.next(), message: own, bytes: byteLength(own), stored: now(), holders: 0 }
    },
    hold(held: Held): void {
      if (held.holders === 0) bytes += held.bytes
      held.holders += 1
    },
    letGo(held: Held): void {
      held.holders -= 1
      if (held.holders > 0) return
      bytes -= held.bytes
      journal.later(`message ${held.id}`, ['dropMessage', held.id])
    },
    /** Lets go of a message that was never stored. */
    abandon(held: Held): void {
      if (held.holders > 0) bytes -= held.bytes
      held.holders = 0
    },
    restore(
      id: number,
      topic: string,
      payload: Uint8Array,
      device: string | null,
      time: number,
      stored: number,
      properties: string | null,
      expires: number | null,
    ): void {
      ids.passed(id)
      const message = {
        topic,
        payload: toBuffer(payload),
        // each queue has its own
        qos: 1 as Qos,
        retain: false,
        device,
        time,
        properties: fromColumn(properties),
        expires,
      }
      restored.set(id, { id, message, bytes: byteLength(message), stored, holders: 0 })
    },
    restored: (id: number) => restored.get(id),
    /** Called once everything that holds a message is restored too. */
    endRestore: () => restored.clear(),
  }
}

export function toChange({ id, message, stored }: Held): Change {
  const { topic, payload, device, time, properties, expires } = message
  return ['message', id, topic, payload, device, time, stored, toColumn(properties), expires]
}
