import type { Delivery } from './broker.ts'
import type { CloseRequest, OpenedSession, OpenRequest, PublishWill } from './registry.ts'
import type { Arrival, ClientLink, Match, Session } from './session.ts'
import type { QueueEntry } from './store/queue.ts'
import type { RequestedSubscription } from './store/subscription.ts'

/** A change of a session's subscriptions, which holds at once. */
export interface Changed {
  /** Whether the session had a subscription of this name before. */
  had(name: string): boolean
  /**
   * Resolves once it is stored, with the names that the session does not have because another broker refuses them; when it
   * rejects, the session is as it was before.
   */
  readonly stored: Promise<readonly string[]>
}

/** A broker that keeps the sessions of MQTT clients. */
export interface SessionBroker {
  readonly sessions: BrokerSessions
}

/** Which promises to MQTT clients a broker can keep. */
export interface Abilities {
  /** The highest QoS of what is published and of subscriptions. */
  readonly maximumQos: 1 | 2
  /** Whether sessions can outlive their connections. */
  readonly keepsSessions: boolean
  readonly sharesSubscriptions: boolean
  /** Whether a client can be spared what it published itself. */
  readonly knowsPublishers: boolean
}

/** What `mqtt/` asks of a broker besides publishing. */
export interface BrokerSessions {
  readonly abilities: Abilities
  /** Milliseconds by the clock that messages expire by. */
  now(): number
  open(request: OpenRequest): Promise<OpenedSession | null>
  close(session: Session, link: ClientLink, request: CloseRequest): void
  publishWillsBy(publish: PublishWill): void
  /** Those of clients that are connected, and those that wait for theirs. */
  all(): Iterable<Session>
  /** Tells every client that the gateway stops, and ends its connection, with its will; resolves once those are published. */
  endAll(): Promise<void>

  subscribe(session: Session, requested: readonly RequestedSubscription[]): Changed
  unsubscribe(session: Session, names: readonly string[]): Changed
  /** What is left for new subscriptions of the session's device: bytes as `subscriptionBytes` counts them, and shared ones. */
  subscriptionRoom(session: Session): { readonly bytes: number; readonly shared: number }
  /** Counts a subscription that found no room in memory. */
  refuseSubscription(session: Session): void
  /** Whether a session subscribes to `topic`. */
  isHeard(topic: string): boolean

  /** The retained messages that any of the filters covers, once, with pauses for everybody else. */
  retainedBy(filters: readonly string[]): AsyncGenerator<Delivery>
  /** The message that is retained on `topic` now, or will be in a moment. */
  retainedOn(topic: string): Delivery | undefined
  hasRoomForRetained(session: Session): boolean
  /** Queues what a new subscription brings a stored session; resolves once it is stored. */
  enqueueRetained(match: Match, message: Delivery, qos: 1 | 2): Promise<void>

  /** Queues a message for a session that ends with its connection. */
  push(match: Match, message: Delivery, qos: 1 | 2, retain: boolean): void
  /** As `push` and `sent`, for a message that does not have to wait. */
  pushSent(match: Match, message: Delivery, qos: 1 | 2, retain: boolean): QueueEntry
  /** What was sent and is not acknowledged is to be sent again, first and in its order. */
  rewind(session: Session): void
  /** What to send next; messages that have expired are dropped on the way. */
  next(session: Session): QueueEntry | undefined
  /** Counts it as sent, with a packet identifier from then on. */
  sent(session: Session, entry: QueueEntry): void
  /** PUBACK, PUBCOMP or a refusal came, or the client may not have it: the entry goes. */
  settle(session: Session, entry: QueueEntry): void
  /** PUBREC came; resolves once that is stored [MQTT-4.3.3-2]. */
  release(session: Session, entry: QueueEntry): Promise<void>
  /** Resolves once everything up to now is stored. */
  stored(): Promise<void>

  /** Remembers a QoS 2 message that came; it is stored with its message. Null where the device has too many that wait for PUBREL. */
  arrive(session: Session, packetId: number): Arrival | null
  /** Nothing became of it. */
  forget(session: Session, arrival: Arrival): void
  /** PUBREL came; resolves once the identifier is free again on disk. */
  leave(session: Session, arrival: Arrival): Promise<void>
}
