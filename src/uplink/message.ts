import type { MessageProperties, Qos } from '../topic/message.ts'

/** A message on its way to or from the other broker. */
export interface UplinkMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly dup: boolean
  readonly properties: MessageProperties | null
  /** Seconds; null for never. */
  readonly messageExpiry: number | null
  /** Which device it is from; the broker is not told. */
  readonly sender?: string | null
}

/** A filter to subscribe to at the broker. */
export interface UplinkSubscription {
  readonly filter: string
  readonly qos: 0 | 1
  /** These three hold with MQTT 5 only. */
  readonly noLocal?: boolean
  readonly retainAsPublished?: boolean
  readonly retainHandling?: 0 | 1 | 2
}
