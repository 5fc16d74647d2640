import type { IConnackPacket } from 'mqtt'
import type { Qos } from '../topic/message.ts'

/** What the broker said in its CONNACK, or what holds where it did not [MQTT 5 §3.2.2.3]. */
export interface UplinkTerms {
  readonly protocol: 4 | 5
  readonly sessionPresent: boolean
  readonly maximumQos: Qos
  readonly retainAvailable: boolean
  readonly wildcardSubscriptions: boolean
  readonly sharedSubscriptions: boolean
  /** Messages with QoS 1 and 2 that may be unacknowledged. */
  readonly receiveMaximum: number
  /** Bytes of the largest packet that the broker takes; null for no limit. */
  readonly maximumPacketSize: number | null
}

/** Leaves packet identifiers for SUBSCRIBE and UNSUBSCRIBE. */
const MOST_UNACKNOWLEDGED = 65_000

/** Reads a CONNACK, with the defaults of MQTT for what it does not say. */
export function toUplinkTerms(
  protocol: 4 | 5,
  { sessionPresent, properties = {} }: IConnackPacket,
): UplinkTerms {
  return {
    protocol,
    sessionPresent,
    maximumQos: properties.maximumQoS === undefined ? 2 : (Number(properties.maximumQoS) as 0 | 1),
    retainAvailable: properties.retainAvailable ?? true,
    wildcardSubscriptions: properties.wildcardSubscriptionAvailable ?? true,
    sharedSubscriptions: properties.sharedSubscriptionAvailable ?? true,
    receiveMaximum: Math.min(properties.receiveMaximum ?? 65_535, MOST_UNACKNOWLEDGED),
    maximumPacketSize: properties.maximumPacketSize ?? null,
  }
}
