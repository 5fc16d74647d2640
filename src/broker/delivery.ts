import type { Message } from '../topic/message.ts'

/** A message as the broker delivers it, with its number: all subscribers get messages in the order of the numbers. */
export interface Delivery extends Message {
  /** Greater than that of the message before, by at least one, while the broker is open. */
  readonly sequence: number
}
