import { pubackBytes } from './packet-bytes.ts'

/** PUBACKs leave in the order in which their PUBLISH packets came, however long each takes to be stored [MQTT-4.6.0-2]. */
export interface Acks {
  /** Keeps the next place for this packet identifier; the PUBACK leaves once what is returned was called. */
  expect(messageId: number): () => void
}

export function createAcks(write: (bytes: Buffer) => void): Acks {
  const waiting: { readonly messageId: number; ready: boolean }[] = []
  return {
    expect(messageId) {
      const ack = { messageId, ready: false }
      waiting.push(ack)
      return () => {
        ack.ready = true
        for (let first = waiting[0]; first?.ready; first = waiting[0]) {
          waiting.shift()
          write(pubackBytes(first.messageId))
        }
      }
    },
  }
}
