import type { Delivery } from '../broker.ts'
import type { LogRow } from './changes.ts'
import { byteLength, fromRow, ownMessage } from './columns.ts'

/** A message of the log that waits in queues of stored sessions, held in memory once however many they are. */
export interface SharedMessage {
  readonly message: Delivery
  readonly bytes: number
  /** How many queues hold it. */
  holders: number
}

export type SharedMessages = ReturnType<typeof createSharedMessages>

export function createSharedMessages() {
  const restored = new Map<number, SharedMessage>()
  let bytes = 0

  return {
    /** Of topics, payloads and properties held. */
    get bytes() {
      return bytes
    },
    create(message: Delivery): SharedMessage {
      const own = ownMessage(message)
      return { message: own, bytes: byteLength(own), holders: 0 }
    },
    hold(held: SharedMessage): void {
      if (held.holders === 0) bytes += held.bytes
      held.holders += 1
    },
    letGo(held: SharedMessage): void {
      held.holders -= 1
      if (held.holders === 0) bytes -= held.bytes
    },
    restore(...row: LogRow): void {
      const message = fromRow(...row)
      restored.set(message.sequence, { message, bytes: byteLength(message), holders: 0 })
    },
    restored: (number: number) => restored.get(number),
    /** Called once everything that holds a message is restored too. */
    endRestore: () => restored.clear(),
  }
}
