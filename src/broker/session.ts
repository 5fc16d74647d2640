import type { AuthenticateError, Client } from 'aedes'
import type { Access } from '../acl/access.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door } from '../metrics/meter.ts'
import { topicMatches } from '../topic/match.ts'
import { createTopicMemo } from '../topic/memo.ts'
import type { Qos } from '../topic/message.ts'
import { type Acks, createAcks } from './acks.ts'
import type { Wire } from './wire.ts'

/** One MQTT connection: whose it is, what it may do, and what it asked for. */
export interface Session {
  readonly identity: Identity
  readonly door: Door
  readonly wire: Wire
  readonly acks: Acks
  /** Null until CONNECT has named the client id, which rules with %c speak of. */
  access: Access | null
  /** Whether CONNACK is on its way: nothing may go before it. */
  greeted: boolean
  /** What CONNECT is answered with, if it is refused. */
  refusal: AuthenticateError | null
  /** Sequence number of the last live message, to know the second copy that overlapping filters bring. */
  lastSequence: number
  readonly subscriptions: SubscriptionQos
  /** Without a persistent session: QoS 1 and 2 messages that were sent and not acknowledged. */
  unacknowledged: number
  /** The packet identifier of the last of those. */
  packetId: number
  /** Retained messages of new subscriptions that found no room: each to be asked again when there may be some. */
  readonly held: (() => void)[]
}

/** The filters of one connection and the QoS granted to each. */
export interface SubscriptionQos {
  grant(filter: string, qos: Qos): void
  remove(filter: string): void
  readonly size: number
  has(filter: string): boolean
  /** The highest QoS of the filters that cover `topic` [MQTT-3.3.5-1]. */
  highest(topic: string): Qos
}

export function createSession(identity: Identity, door: Door, wire: Wire): Session {
  return {
    ...{ identity, door, wire, acks: createAcks(wire.write) },
    subscriptions: createSubscriptionQos(),
    ...{ access: null, greeted: false, refusal: null },
    ...{ lastSequence: 0, unacknowledged: 0, packetId: 0, held: [] },
  }
}

const REMEMBERED = { topics: 1000, size: 65_536 }

function createSubscriptionQos(): SubscriptionQos {
  const filters = new Map<string, Qos>()
  // asked once a message, so what it comes to is remembered until a filter comes or goes
  const highest = createTopicMemo((topic): Qos => {
    let qos: Qos = 0
    for (const [filter, granted] of filters)
      if (granted > qos && topicMatches(filter, topic)) qos = granted
    return qos
  }, REMEMBERED)

  return {
    grant(filter, qos) {
      filters.set(filter, qos)
      highest.forget()
    },
    remove(filter) {
      filters.delete(filter)
      highest.forget()
    },
    get size() {
      return filters.size
    },
    has: (filter) => filters.has(filter),
    highest: highest.of,
  }
}

/** The sessions of an embedded broker, by aedes' client. */
export type Sessions = WeakMap<Client, Session>
