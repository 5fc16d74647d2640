import type { Delivery } from './delivery.ts'
import type { CloseRequest, OpenedSession, OpenRequest } from './registry.ts'
import type { Arrival, ClientLink, Match, Session } from './session.ts'
import type { QueueEntry } from './store/queue-types.ts'
import type { RequestedSubscription } from './store/subscription.ts'
import type { PublishWill } from './will-publishing.ts'

/** A change of a session's subscriptions, which takes effect at once. */
export interface Changed {
  /** Whether the session had a subscription of this name before. */
  had(name: string): boolean
  /**
   * Resolves once it is stored, with the names that another broker refuses and the session therefore lacks. When it rejects,
   * the session is unchanged.
   */
  readonly stored: Promise<readonly string[]>
}

/** A broker that keeps the sessions of MQTT clients. */
export interface SessionBroker {
  readonly sessions: BrokerSessions
}

/** The features of MQTT that a broker can offer its clients. */
export interface Abilities {
  /** The highest QoS of what is published and of subscriptions. */
  readonly maximumQos: 1 | 2
  /** Seconds that a session can outlive its last connection, at most; 0 if it ends with the connection. */
  readonly mostSessionExpirySeconds: number
  readonly sharesSubscriptions: boolean
  /** Whether a client's own messages can be kept from it. */
  readonly knowsPublishers: boolean
}

/** The parts of a broker, besides publishing, that `mqtt/` uses. */
export interface BrokerSessions {
  readonly abilities: Abilities
  /** Milliseconds by the clock that messages expire by. */
  now(): number
  open(request: OpenRequest): Promise<OpenedSession | null>
  close(session: Session, link: ClientLink, request: CloseRequest): void
  publishWillsBy(publish: PublishWill): void
  /** The sessions of clients that are connected, and of clients that are away. */
  all(): Iterable<Session>
  /** Tells every client that the gateway stops, and ends its connection; resolves once all wills are published. */
  endAll(): Promise<void>

  subscribe(session: Session, requested: readonly RequestedSubscription[]): Changed
  unsubscribe(session: Session, names: readonly string[]): Changed
  /**
   * The room for new subscriptions of the session's device: in bytes as `subscriptionBytes` counts them, and in shared ones.
   */
  subscriptionRoom(session: Session): { readonly bytes: number; readonly shared: number }
  /** Counts a subscription that is refused for lack of memory. */
  refuseSubscription(session: Session): void
  /** Whether a session subscribes to `topic`. */
  isHeard(topic: string): boolean

  /** The retained messages that any filter covers, each once, with pauses for other work. */
  retainedBy(filters: readonly string[]): AsyncGenerator<Delivery>
  /** The retained message of `topic`, including one that is still being stored. */
  retainedOn(topic: string): Delivery | undefined
  hasRoomForRetained(session: Session): boolean
  /** Queues a retained message for a new subscription of a stored session; resolves once it is stored. */
  enqueueRetained(match: Match, message: Delivery, qos: 1 | 2): Promise<void>

  /** Queues a message for a session that ends with its connection. */
  push(match: Match, message: Delivery, qos: 1 | 2, retain: boolean): void
  /** As `push` and `sent`, for a message that can be sent at once. */
  pushSent(match: Match, message: Delivery, qos: 1 | 2, retain: boolean): QueueEntry
  /** Makes sent but unacknowledged messages be sent again, first and in their order. */
  rewind(session: Session): void
  /** The next message to send; drops expired ones before it. */
  next(session: Session): QueueEntry | undefined
  /** Counts an entry as sent; it has a packet identifier from then on. */
  sent(session: Session, entry: QueueEntry): void
  /** Removes the entry after a PUBACK, a PUBCOMP or a refusal, or because the client may not read it. */
  settle(session: Session, entry: QueueEntry): void
  /** Handles a PUBREC; resolves once that is stored [MQTT-4.3.3-2]. */
  release(session: Session, entry: QueueEntry): Promise<void>
  /** Resolves once all changes so far are stored. */
  stored(): Promise<void>

  /** Remembers an incoming QoS 2 message; it is stored with the message. Null if too many of the device wait for PUBREL. */
  arrive(session: Session, packetId: number): Arrival | null
  /** The message was refused or failed. */
  forget(session: Session, arrival: Arrival): void
  /** Handles a PUBREL; resolves once the disk has the packet identifier as free. */
  leave(session: Session, arrival: Arrival): Promise<void>
}
