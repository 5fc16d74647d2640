import type { Delivery } from '../broker/delivery.ts'

/** A message on its way to the other broker. */
export interface SentMessage {
  readonly delivery: Delivery
  readonly bytes: number
  /** `done`: acknowledged, or left out; `failed`: it has to be sent again. */
  state: 'sent' | 'done' | 'failed'
}

/** The messages that were sent, in order, until they and all before them are done. */
export interface InFlight {
  add(message: SentMessage): void
  length(): number
  bytes(): number
  /** Whether the result of any message is still to come. */
  isAwaited(): boolean
  /** The first that is not done. */
  first(): Delivery | undefined
  /** How many are not done. */
  unfinished(): number
  /** Removes the messages at the front that are done; returns the last of them. */
  takeDone(): Delivery | undefined
  /** Removes all. */
  takeAll(): Delivery[]
}

export function createInFlight(): InFlight {
  let sent: SentMessage[] = []
  let bytes = 0

  return {
    add(message) {
      sent.push(message)
      bytes += message.bytes
    },
    length: () => sent.length,
    bytes: () => bytes,
    isAwaited: () => sent.some(({ state }) => state === 'sent'),
    first: () => sent.find(({ state }) => state !== 'done')?.delivery,
    unfinished: () => sent.filter(({ state }) => state !== 'done').length,
    takeDone() {
      let count = 0
      while (sent[count]?.state === 'done') {
        bytes -= sent[count]?.bytes ?? 0
        count += 1
      }
      return sent.splice(0, count).at(-1)?.delivery
    },
    takeAll() {
      const all = sent.map(({ delivery }) => delivery)
      sent = []
      bytes = 0
      return all
    },
  }
}
