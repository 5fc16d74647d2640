import type { MessageProperties, Qos } from '../../topic/message.ts'
import type { Delivery } from '../delivery.ts'

/**
 * A message with its payload as text, one character per byte. V8 makes and frees a text faster than a Buffer, which has memory
 * outside of its heap.
 */
export class ShortMessage implements Delivery {
  readonly sequence: number
  readonly topic: string
  readonly qos: Qos
  readonly retain: boolean
  readonly device: string | null
  readonly time: number
  readonly received: number
  readonly properties: MessageProperties | null
  readonly expires: number | null
  // private, so that a copy of the fields leaves it out
  readonly #characters: string

  constructor(message: Delivery) {
    this.sequence = message.sequence
    this.topic = message.topic
    this.qos = message.qos
    this.retain = message.retain
    this.device = message.device
    this.time = message.time
    this.received = message.received
    this.properties = message.properties
    this.expires = message.expires
    this.#characters = message.payload.toString('latin1')
  }

  get payload(): Buffer {
    return Buffer.from(this.#characters, 'latin1')
  }
}
