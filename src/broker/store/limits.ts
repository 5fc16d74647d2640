import type { QueueReason, StoreLimit } from '../../metrics/meter.ts'

const MIB = 1024 * 1024
const DAY = 24 * 60 * 60 * 1000

/** What the store may grow to. Bytes are those of topics, payloads and properties; times are milliseconds unless it says seconds. */
export interface Limits {
  /** Messages waiting for one session, sent and not yet acknowledged ones included. */
  readonly queueMessages: number
  readonly queueBytes: number
  /** Whether a full queue gives up its oldest unsent message or does without the new one. */
  readonly whenFull: 'drop-oldest' | 'refuse'
  /** Bytes waiting in all queues, a message in many queues counted once; beyond it new ones are not queued. */
  readonly totalBytes: number
  /** Of those, in the queues of one device's sessions; counted in each. */
  readonly totalBytesPerDevice: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  readonly retainedBytesPerDevice: number
  readonly sessions: number
  readonly sessionsPerDevice: number
  /** A message goes to one session once however many of its filters cover it, but to each of its groups. */
  readonly sharedSubscriptionsPerDevice: number
  /** QoS 2 messages of one device that came and wait for their PUBREL: as many as one session has packet identifiers for. */
  readonly arrivalsPerDevice: number
  /** Seconds that a session may outlive its last connection. */
  readonly sessionExpiry: number
  /** How long a message waits to be sent. */
  readonly messageExpiry: number
  /** Requests that name a key, remembered so that a repeat publishes nothing again; and bytes of them and their answers. */
  readonly keys: number
  readonly keysPerDevice: number
  readonly keyBytes: number
  readonly keyBytesPerDevice: number
  /** How long they are remembered. */
  readonly keyTtl: number
  /** The most that the time without a gateway counts for what waits. */
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
  keysPerDevice: 25_000,
  keyBytes: 64 * MIB,
  keyBytesPerDevice: 16 * MIB,
  keyTtl: DAY,
  countedDowntime: DAY,
}

/** Which bound costs something: a queued message, or something that the store holds. */
export type BoundReason = QueueReason | StoreLimit

/** Told the numbers of messages in the log that the disk has damaged, each once. */
export type OnDamage = (numbers: readonly number[]) => void

/** Told whenever a bound costs something: `count` messages, subscriptions or sessions. */
export type OnBound = (reason: BoundReason, count: number) => void
