import type { Access } from '../acl/access.ts'
import type { Hold } from '../budget/ledger.ts'
import type { Door } from '../door-table.ts'
import type { Message, Qos } from '../topic/message.ts'
import type { Delivery } from './broker.ts'
import type { Group } from './groups.ts'
import type { Audience } from './store/bundles.ts'
import type { Queue } from './store/queue.ts'

/**
 * The client id of the session in which commands wait for a device that asks for them over HTTP: what comes for it waits whatever
 * its QoS. No MQTT client may have it.
 */
export const COMMANDS_CLIENT_ID = '$commands'

/** How a client wants what a filter covers. */
export interface SubscriptionOptions {
  readonly qos: Qos
  /** Whether the client does not want what it published itself. */
  readonly noLocal: boolean
  /** Whether RETAIN comes as it was published. */
  readonly retainAsPublished: boolean
  /** Comes with each message; 0 for none. */
  readonly identifier: number
}

export interface Subscription extends SubscriptionOptions {
  readonly session: Session
  /** As the client gave it: the filter, or `$share/GROUP/FILTER`. */
  readonly name: string
  readonly filter: string
  /** The name of the group that shares the filter, or null. */
  readonly share: string | null
}

/** How one session gets one message: what its subscriptions to the topic come to. */
export interface Match {
  readonly session: Session
  /** The highest of them [MQTT-3.3.5-1]. */
  readonly qos: Qos
  readonly retainAsPublished: boolean
  /** Null for none. */
  readonly identifiers: readonly number[] | null
  /** The shared subscription that chose this session, or null. */
  readonly group: Group | null
}

/** Why the broker ends a connection. */
export type EndReason = 'taken_over' | 'shutting_down'

/** What is known of a client's connection. */
export interface Whereabouts {
  readonly door: Door
  readonly address: string | undefined
  /** The version of MQTT. */
  readonly protocol: string
  /** When it was made, in milliseconds since the Unix epoch. */
  readonly since: number
}

/**
 * A connection as its session sees it. None of these may throw or block. They are methods, here and in all that every
 * message passes: V8 keeps an object literal with a getter as a hash table.
 */
export interface ClientLink {
  /** A message for now: it is sent, put into the session's queue, or dropped and counted. */
  deliver(delivery: Delivery, qos: Qos, match: Match): void
  /** There is something to send in the session's queue. */
  wake(): void
  /** The session is not this connection's any more. */
  end(reason: EndReason): void
  /** Whether the client has its CONNACK, and has not left. */
  isOpen(): boolean
  /** Whether it can take another message at once. */
  hasRoom(): boolean
  whereabouts(): Whereabouts
}

/** What the sessions of one device have together. */
export interface Owner {
  /** Those that outlive their connections. */
  sessions: number
  /** Those that end with them. */
  passing: number
  /** In the queues of the stored ones, a message counted in each. */
  bytes: number
  subscriptionBytes: number
  sharedSubscriptions: number
  arrivals: number
  sessionBytes: number
  passingBytes: number
  /** What the ledger counts of it. */
  readonly holds: Readonly<Record<'session' | 'connection' | 'subscription' | 'arrival', Hold>>
}

/** Bytes that a subscription takes besides its name, which is in the session and in the trie. */
const SUBSCRIPTION_BYTES = 1_024
/** Bytes that a session takes besides its client id. */
const SESSION_BYTES = 2_048

export function subscriptionBytes(name: string): number {
  return 2 * Buffer.byteLength(name) + SUBSCRIPTION_BYTES
}

export function sessionBytes(client: string): number {
  return 2 * Buffer.byteLength(client) + SESSION_BYTES
}

/** A QoS 2 message that came in and waits for its PUBREL. */
export interface Arrival {
  readonly packetId: number
  /** Whether the store was told of it. */
  isRecorded: boolean
  /** Settles with what is being stored of it; never rejects. */
  stored: Promise<void> | null
}

/** What waits in bundles for a session that is away. */
export interface Away {
  /** Those that have a copy for it. */
  readonly audiences: Set<Audience>
  /** Up to this bundle no copy waits any more: it is gone, or in the queue. */
  mark: number
  /** The copies of all bundles before this one are gone, but for those that have rows of their own. */
  floor: number
}

/** What the broker keeps for a client: as long as it is connected, and for `expiry` seconds after that. */
export interface Session {
  readonly id: number
  /** `DEVICE/CLIENT_ID`: a session belongs to an identity, and the same client id under another certificate is another session. */
  readonly client: string
  readonly device: string
  readonly clientId: string
  readonly access: Access
  /** Whether it outlives its connection, so that it is in the store. */
  readonly isStored: boolean
  /** Whether messages of QoS 0 wait for it, too, with the QoS of its subscriptions. */
  readonly keepsQos0: boolean
  /** Seconds that it outlives its last connection. */
  expiry: number
  /** By name. */
  readonly subscriptions: Map<string, Subscription>
  readonly queue: Queue
  /** By packet identifier. */
  readonly arrivals: Map<number, Arrival>
  readonly owner: Owner
  link: ClientLink | null
  /** When its last connection ended or, as long as it is connected, began. */
  lastSeen: number
  readonly away: Away
  isClosed: boolean
}

/** A message's publisher, where it is an MQTT client. */
export interface Origin {
  /** Null for a will whose session may have ended. */
  readonly session: Session | null
  /** A QoS 2 message's, which is stored with it; otherwise null. */
  readonly arrival: Arrival | null
}

/** The last word of a client that vanishes. */
export interface Will {
  readonly message: Pick<Message, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'>
  /** Seconds from its publication; null for never. */
  readonly messageExpiry: number | null
  /** Seconds from the end of the connection to its publication. */
  readonly delay: number
}
