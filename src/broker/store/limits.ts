import type { Config } from '../../config/load.ts'
import type { QueueReason, StoreLimit } from '../../metrics/meter.ts'

/** The limits of the store: settings, and two that are not. Bytes count topics, payloads and properties. */
export interface Limits extends LimitSettings {
  /** A session gets a message once for all its ordinary subscriptions, but once more for each of its shared ones. */
  readonly sharedSubscriptionsPerDevice: number
  /** QoS 2 messages of one device that wait for their PUBREL. */
  readonly arrivalsPerDevice: number
}

type LimitSettings = Config['broker']['limits']

/** A limit that was reached: a message was dropped, or something was not stored. */
export type BoundReason = QueueReason | StoreLimit

/** Called with the numbers of damaged messages in the log, once for each. */
export type OnDamage = (numbers: readonly number[]) => void

/** Called when a limit was reached, for `count` messages, subscriptions or sessions. */
export type OnBound = (reason: BoundReason, count: number) => void
