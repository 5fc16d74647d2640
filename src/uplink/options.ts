import type { BrokerUrl } from '../config/broker-url.ts'
import type { Meter } from '../metrics/meter.ts'
import type { ReadCredentials } from './credentials.ts'
import type { UplinkMessage } from './message.ts'
import type { UplinkTerms } from './terms.ts'

/** The events that an uplink reports. */
export type UplinkMeter = Pick<Meter, 'uplinkConnection' | 'uplinkPublishTook' | 'uplinkRefused'>

export interface UplinkOptions {
  /** How its settings begin, for sentences: `WOTT_BROKER`. */
  readonly settings: string
  /** Tried one after the other. */
  readonly addresses: readonly BrokerUrl[]
  readonly clientId: string
  /** Called before each connection, so that the next one uses renewed files. */
  readonly credentials: ReadCredentials
  /** `kept`: the broker keeps subscriptions, and queues messages, while there is no connection. */
  readonly session: 'clean' | 'kept'
  /** Sets the bit by which MQTT 3.1.1 brokers know a bridge, and send it back nothing that it sent. */
  readonly isBridge: boolean
  readonly keepAliveSeconds: number
  /** Milliseconds within which a message must be acknowledged. */
  readonly deadlineMs: number
  /** The most messages, and bytes, that may wait for an acknowledgement. */
  readonly maxPending: { readonly messages: number; readonly bytes: number }
  /** Bytes of the largest packet that an MQTT 5 broker may send. */
  readonly maxPacket: number
  readonly meter: UplinkMeter
  /** A message with QoS 1 is acknowledged to the broker when what this returns resolves; when it rejects, the connection ends. */
  onMessage(message: UplinkMessage): void | Promise<void>
  /** Subscribes. The state is `connected` once it resolves; when it rejects, the connection ends. */
  onConnected(terms: UplinkTerms, at: BrokerUrl): void | Promise<void>
  /**
   * Called before `onConnected` when the broker closed the last connection, perhaps because of one of these messages, which it may
   * not have read completely. Not called when the broker could not be reached at any address after that: then the reason was another one.
   */
  onCut?(underway: readonly UplinkMessage[]): void
  /** Called for each connection that is lost or cannot be made. */
  onAway(reason: string): void
}
