import type { QueueReason, StoreLimit } from '../../metrics/meter.ts'

const MIB = 1024 * 1024
const DAY = 24 * 60 * 60 * 1000

/** The limits of the store. Bytes count topics, payloads and properties; times are in milliseconds unless they say seconds. */
export interface Limits {
  /** Messages waiting for one session, sent and not yet acknowledged ones included. */
  readonly queueMessages: number
  readonly queueBytes: number
  /** Whether a full queue drops its oldest unsent message or refuses the new one. */
  readonly whenFull: 'drop-oldest' | 'refuse'
  /** Bytes in all queues together; a message in many queues counts once. Beyond it, new messages are not queued. */
  readonly totalBytes: number
  /** Bytes in the queues of one device's sessions; a message counts in each queue. */
  readonly totalBytesPerDevice: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  readonly retainedBytesPerDevice: number
  readonly sessions: number
  readonly sessionsPerDevice: number
  /** A session gets a message once for all its ordinary subscriptions, but once more for each of its shared ones. */
  readonly sharedSubscriptionsPerDevice: number
  /** QoS 2 messages of one device that wait for their PUBREL: as many as one session has packet identifiers for. */
  readonly arrivalsPerDevice: number
  /** Seconds that a session may outlive its last connection. */
  readonly sessionExpiry: number
  /** How long a message waits to be sent. */
  readonly messageExpiry: number
  /** Requests with an idempotency key that are remembered, and bytes of them and their answers. */
  readonly keys: number
  readonly keyBytes: number
  /** How long they are remembered. */
  readonly keyTtl: number
  /** The most time without a running gateway that counts towards the expiry of messages. */
  readonly countedDowntime: number
}

export const DEFAULT_LIMITS: Limits = {
  queueMessages: 1_000,
  queueBytes: 16 * MIB,
  whenFull: 'drop-oldest',
  totalBytes: 128 * MIB,
  totalBytesPerDevice: 64 * MIB,
  retainedMessages: 100_000,
  retainedBytes: 128 * MIB,
  retainedBytesPerDevice: 64 * MIB,
  sessions: 10_000,
  sessionsPerDevice: 5_000,
  sharedSubscriptionsPerDevice: 1_000,
  arrivalsPerDevice: 65_535,
  sessionExpiry: (7 * DAY) / 1000,
  messageExpiry: 7 * DAY,
  keys: 100_000,
  keyBytes: 64 * MIB,
  keyTtl: DAY,
  countedDowntime: DAY,
}

/** A limit that was reached: a message was dropped, or something was not stored. */
export type BoundReason = QueueReason | StoreLimit

/** Called with the numbers of damaged messages in the log, once for each. */
export type OnDamage = (numbers: readonly number[]) => void

/** Called when a limit was reached, for `count` messages, subscriptions or sessions. */
export type OnBound = (reason: BoundReason, count: number) => void
