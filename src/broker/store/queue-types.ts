import type { Delivery } from '../delivery.ts'
import type { BundleList } from './bundle-list.ts'
import type { SharedMessage } from './shared-messages.ts'

/** What the queues know of a session. */
export interface QueuedSession {
  readonly id: number
  /** Whether it outlives its connection, so that it is stored. */
  readonly isStored: boolean
  readonly isClosed: boolean
  readonly queue: Queue
  readonly away: Away
  /** Bytes in the queues of its device. */
  readonly totals: { readonly bytes: number }
}

/** The outgoing messages of one session: being stored, waiting to be sent, or sent and not yet acknowledged. */
export interface Queue {
  length(): number
  /** How many were never sent. */
  unsent(): number
  bytes(): number
  /** How many were sent on this connection and are not yet acknowledged. */
  inFlight(): number
  /** Counts an entry that is being stored; it is not sent before `admit`. */
  reserve(entry: QueueEntry): void
  admit(entry: QueueEntry): void
  /** Admits a new entry that is sent at once. */
  admitSent(entry: QueueEntry): void
  /** Takes an unsent entry back: it is not sent before it is admitted again. */
  withhold(entry: QueueEntry): void
  remove(entry: QueueEntry): void
  /** A new connection: unacknowledged messages must be sent again, first and in their order [MQTT-4.6.0-1]. */
  rewind(): void
  /** The next entry to send, if there is one. */
  next(): QueueEntry | undefined
  /** Whether nothing waits to be sent. */
  isIdle(): boolean
  /** Counts the result of `next` as sent; it has a packet identifier from then on. */
  sent(entry: QueueEntry): void
  /** Drops the message, which is not sent again. */
  dropMessage(entry: QueueEntry): void
  byPacketId(packetId: number): QueueEntry | undefined
  /** The oldest entry that was never sent. */
  oldestUnsent(): QueueEntry | undefined
  /** The oldest sent entry or, if there is none, the oldest unsent one. */
  oldest(): QueueEntry | undefined
  /** The unsent entries whose message has expired at `time`, in milliseconds since the Unix epoch. */
  expired(time: number): QueueEntry[]
  /** Adds copies in bundles, which wait for the session to return; negative numbers subtract. */
  count(copies: number, bytes: number): void
  /** Admits entries that may be older than those that wait to be sent. */
  admitInOrder(entries: readonly QueueEntry[]): void
  /** The sent entries, then those that wait to be sent. */
  admitted(): QueueEntry[]
  all(): QueueEntry[]
}

/** A QoS 1 or 2 message in the queue of one session. */
export interface QueueEntry {
  readonly id: number
  readonly qos: 1 | 2
  /**
   * Whether its PUBLISH has RETAIN: it was sent for a new subscription [MQTT-3.3.1-8], or the subscription wants RETAIN as
   * published.
   */
  readonly retain: boolean
  /** Subscription identifiers to send with it; null for none. */
  identifiers: readonly number[] | null
  /** The name of the shared subscription that chose this session: another member can get the message instead. Null for none. */
  readonly sharedName: string | null
  /** Null once the receiver has it. */
  message: Delivery | null
  /** The stored message; null in a session that ends with its connection. */
  readonly shared: SharedMessage | null
  /** The bundle that the copy came from, if it has no row of its own in the store. */
  readonly bundle: Bundle | null
  /** When it was queued, in milliseconds since the Unix epoch. */
  readonly since: number
  /** Bytes that it counts while it has its message. */
  readonly bytes: number
  /** 0 until it is sent. */
  packetId: number
  /** Whether PUBREC came: only the PUBREL is left to send, until PUBCOMP comes. */
  isReleased: boolean
  /** Whether it is being moved to another member of its group: until that is stored it is not sent. */
  isMoving: boolean
}

/**
 * The copies of one message for many sessions that are away: one row of the store, and no memory per session. When a session
 * comes back, its copies become entries of its queue.
 */
export interface Bundle {
  /** The id of the first session's copy; the ids of the other copies follow. */
  readonly id: number
  readonly audience: Audience
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly identifiers: readonly number[] | null
  readonly message: Delivery
  readonly shared: SharedMessage
  readonly since: number
  /** Bytes counted for each copy. */
  readonly bytes: number
  readonly packetId: 0
  /** Copies that are neither acknowledged nor dropped. */
  left: number
  isStored: boolean
  /** Whether its copies are counted in the queues of the sessions that they wait for. */
  isCounted: boolean
  /** The copies of sessions that came back before it was stored. */
  readonly early: Map<QueuedSession, QueueEntry>
}

/** The sessions that share bundles. It is stored as long as any of its bundles is. */
export interface Audience {
  readonly id: number
  /** By place; undefined for one that ended before a restart. */
  readonly sessions: readonly (QueuedSession | undefined)[]
  /** The bundles that a session may still be waiting for. */
  readonly bundles: BundleList<Bundle>
  /** How many bundles have copies that are neither acknowledged nor dropped. */
  live: number
  /** The newest bundles, which are not yet counted in the queues of the sessions. */
  uncounted: Bundle[]
  isStored: boolean
  place(session: QueuedSession): number
}

/** The copies in bundles for a session that is away. */
export interface Away {
  /** The audiences whose bundles have copies for it. `NO_AUDIENCES` until there is one. */
  audiences: Set<Audience>
  /** No copy in bundles up to this one waits any more: each was dropped, or is in the queue. */
  takenUpTo: number
  /** All copies in bundles before this one are gone, except those with rows of their own. */
  floor: number
}

/** What all sessions that never missed a message share: there are tens of thousands. */
export const NO_AUDIENCES: Away['audiences'] = new Set()
