import type { Access } from '../acl/access.ts'
import type { Hold } from '../budget/ledger.ts'
import type { Door } from '../door-table.ts'
import type { Message, Qos } from '../topic/message.ts'
import type { Delivery } from './delivery.ts'
import type { QueuedSession } from './store/queue-types.ts'

/**
 * The client id of the session in which commands wait for a device that fetches them over HTTP. Messages of any QoS wait in it.
 * No MQTT client can use this id.
 */
export const COMMANDS_CLIENT_ID = '$commands'

/** The options of a subscription. */
export interface SubscriptionOptions {
  readonly qos: Qos
  /** Whether the client's own messages are left out. */
  readonly noLocal: boolean
  /** Whether RETAIN keeps its value from publishing. */
  readonly retainAsPublished: boolean
  /** Sent with each message; 0 for none. */
  readonly identifier: number
}

/** A filter that a session has subscribed to. */
export interface Subscription extends SubscriptionOptions {
  readonly session: Session
  /** The name that the client gave: the filter, or `$share/GROUP/FILTER`. */
  readonly name: string
  readonly filter: string
  /** The name of the group that shares the filter, or null. */
  readonly share: string | null
}

/** The sessions that share one filter under one name: each message goes to one of them [MQTT 5 §4.8.2]. */
export interface Group {
  /** `$share/GROUP/FILTER`. */
  readonly name: string
  /** Replaces the subscription of the same session. */
  add(subscription: Subscription): void
  remove(session: Session): void
  members(): readonly Subscription[]
  /** The number of the next message: members take turns by it. */
  turn(): number
}

/** How one session gets one message: the merge of its subscriptions to the topic. */
export interface Match {
  readonly session: Session
  /** The highest QoS of the subscriptions [MQTT-3.3.5-1]. */
  readonly qos: Qos
  readonly retainAsPublished: boolean
  /** Null for none. */
  readonly identifiers: readonly number[] | null
  /** The shared subscription that chose this session, or null. */
  readonly group: Group | null
}

/** Why the broker ends a connection. */
export type EndReason = 'taken_over' | 'shutting_down'

/** The known facts of a client's connection. */
export interface Whereabouts {
  readonly door: Door
  readonly address: string | undefined
  /** The version of MQTT. */
  readonly protocol: string
  /** When it was opened, in milliseconds since the Unix epoch. */
  readonly since: number
}

/**
 * A connection, as its session sees it. None of these methods may throw or block. They are methods rather than getters, here
 * and in everything else that each message passes: V8 stores an object literal with a getter as a slow hash table.
 */
export interface ClientLink {
  /** A message to deliver now: it is sent, put into the session's queue, or dropped and counted. */
  deliver(delivery: Delivery, qos: Qos, match: Match): void
  /** The session's queue has something to send. */
  wake(): void
  /** The connection has lost the session. */
  end(reason: EndReason): void
  /** Whether the client has its CONNACK, and is still connected. */
  isOpen(): boolean
  /** Whether it can take another message at once. */
  hasRoom(): boolean
  whereabouts(): Whereabouts
}

/** The totals of all sessions of one device. */
export interface DeviceTotals {
  /** Sessions that outlive their connections. */
  sessions: number
  /** Sessions that end with their connections. */
  passing: number
  /** Bytes in the queues of its stored sessions; a message in several queues counts in each. */
  bytes: number
  subscriptionBytes: number
  sharedSubscriptions: number
  arrivals: number
  sessionBytes: number
  passingBytes: number
  /** The holds in the memory ledger. */
  readonly holds: Readonly<Record<'session' | 'connection' | 'subscription' | 'arrival', Hold>>
}

/** Memory of a subscription, besides its name in the session and in the trie. */
const SUBSCRIPTION_BYTES = 1_024
/** Memory of a session, besides its client id. */
const SESSION_BYTES = 2_048

/** Memory that counts for a subscription; `name` with its `$share/GROUP/`, if it has one. */
export function subscriptionBytes(name: string): number {
  return 2 * Buffer.byteLength(name) + SUBSCRIPTION_BYTES
}

/** Memory that counts for a session without its subscriptions and messages. */
export function sessionBytes(client: string): number {
  return 2 * Buffer.byteLength(client) + SESSION_BYTES
}

/** An incoming QoS 2 message that waits for its PUBREL. */
export interface Arrival {
  readonly packetId: number
  /** Whether the store knows it. */
  isRecorded: boolean
  /** Settles when its pending change is stored; never rejects. */
  stored: Promise<void> | null
}

/** What all sessions without an arrival share: there are tens of thousands, and most get none. */
export const NO_ARRIVALS: Session['arrivals'] = new Map()

/** The broker's state for a client: kept while it is connected, and for `expiry` seconds after that. */
export interface Session extends QueuedSession {
  /**
   * `DEVICE/CLIENT_ID`: a session belongs to an identity, and the same client id with another certificate is another session.
   */
  readonly client: string
  readonly device: string
  readonly clientId: string
  readonly access: Access
  /** Whether messages of QoS 0 wait too, with the QoS of its subscriptions. */
  readonly keepsQos0: boolean
  /** Seconds that it outlives its last connection. */
  expiry: number
  /** By name. */
  readonly subscriptions: Map<string, Subscription>
  /** By packet identifier. `NO_ARRIVALS` until there is one. */
  arrivals: Map<number, Arrival>
  readonly totals: DeviceTotals
  link: ClientLink | null
  /** When its last connection ended or, while it is connected, began. */
  lastSeen: number
  isClosed: boolean
}

/** The publisher of a message, if it is an MQTT client. */
export interface Origin {
  /** Null for a will whose session may have ended. */
  readonly session: Session | null
  /** The arrival of a QoS 2 message, which is stored with it; otherwise null. */
  readonly arrival: Arrival | null
}

/** The will of a client: published when its connection is lost. */
export interface Will {
  readonly message: Pick<Message, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'>
  /** Seconds from its publication; null for never. */
  readonly messageExpiry: number | null
  /** Seconds from the end of the connection to its publication. */
  readonly delay: number
}
