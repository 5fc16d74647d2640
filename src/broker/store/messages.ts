import type { Delivery } from '../broker.ts'
import type { LogRow } from './changes.ts'
import { byteLength, fromRow, ownMessage } from './columns.ts'

/** A message of the log that waits in queues of stored sessions, held in memory once however many they are. */
export interface Held {
  readonly message: Delivery
  readonly bytes: number
  /** How many queues hold it. */
  holders: number
}

export type Messages = ReturnType<typeof createMessages>

export function createMessages() {
  const restored = new Map<number, Held>()
  let bytes = 0

  return {
    /** Of topics, payloads and properties held. */
    get bytes() {
      return bytes
    },
    create(message: Delivery): Held {
      const own = ownMessage(message)
      return { message: own, bytes: byteLength(own), holders: 0 }
    },
    hold(held: Held): void {
      if (held.holders === 0) bytes += held.bytes
      held.holders += 1
    },
    letGo(held: Held): void {
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
