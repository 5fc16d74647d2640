import type { Delivery } from '../delivery.ts'
import type { LogRow } from './changes.ts'
import { byteLength, fromRow, ownMessage } from './columns.ts'

/** A message in the queues of stored sessions: in memory once, even if many queues hold it. */
export interface SharedMessage {
  readonly message: Delivery
  readonly bytes: number
  /** The number of queues that hold it. */
  holders: number
}

export type SharedMessages = ReturnType<typeof createSharedMessages>

export function createSharedMessages() {
  const restored = new Map<number, SharedMessage>()
  let bytes = 0

  return {
    /** Bytes of the topics, payloads and properties of all messages that a queue holds. */
    get bytes() {
      return bytes
    },
    create(message: Delivery): SharedMessage {
      const own = ownMessage(message)
      return { message: own, bytes: byteLength(own), holders: 0 }
    },
    addHolder(shared: SharedMessage): void {
      if (shared.holders === 0) bytes += shared.bytes
      shared.holders += 1
    },
    removeHolder(shared: SharedMessage): void {
      shared.holders -= 1
      if (shared.holders === 0) bytes -= shared.bytes
    },
    restore(...row: LogRow): void {
      const message = fromRow(...row)
      restored.set(message.sequence, { message, bytes: byteLength(message), holders: 0 })
    },
    restored: (number: number) => restored.get(number),
    /** Call it once the queues are restored too. */
    endRestore: () => restored.clear(),
  }
}
