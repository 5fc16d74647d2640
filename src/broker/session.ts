import type { AuthenticateError, Client } from 'aedes'
import type { Access } from '../acl/access.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door } from '../metrics/meter.ts'
import { topicMatches } from '../topic/match.ts'
import type { Qos } from '../topic/message.ts'

/** One MQTT connection: whose it is, what it may do, and what it asked for. */
export interface Session {
  readonly identity: Identity
  readonly door: Door
  /** Null until CONNECT has named the client id, which rules with %c speak of. */
  access: Access | null
  /** What CONNECT is answered with, if it is refused. */
  refusal: AuthenticateError | null
  /** Sequence number of the last live message, to know the second copy that overlapping filters bring. */
  lastSequence: number
  readonly subscriptions: SubscriptionQos
  /** Without a persistent session: QoS 1 and 2 messages that were sent and not acknowledged. */
  unacknowledged: number
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

export function createSession(identity: Identity, door: Door): Session {
  return {
    ...{ identity, door, access: null, refusal: null, lastSequence: 0, unacknowledged: 0 },
    subscriptions: createSubscriptionQos(),
  }
}

const MAX_REMEMBERED = 1000

function createSubscriptionQos(): SubscriptionQos {
  const filters = new Map<string, Qos>()
  // asked once a message, so what it comes to is remembered until a filter comes or goes
  const highest = new Map<string, Qos>()

  function compute(topic: string): Qos {
    let qos: Qos = 0
    for (const [filter, granted] of filters)
      if (granted > qos && topicMatches(filter, topic)) qos = granted
    return qos
  }

  return {
    grant(filter, qos) {
      filters.set(filter, qos)
      highest.clear()
    },
    remove(filter) {
      filters.delete(filter)
      highest.clear()
    },
    get size() {
      return filters.size
    },
    has: (filter) => filters.has(filter),
    highest(topic) {
      const known = highest.get(topic)
      if (known !== undefined) return known
      if (highest.size === MAX_REMEMBERED) highest.clear()
      const qos = compute(topic)
      highest.set(topic, qos)
      return qos
    },
  }
}

/** The sessions of an embedded broker, by aedes' client. */
export type Sessions = WeakMap<Client, Session>
