import { randomUUID } from 'node:crypto'
import type { AedesOptions, AuthenticateError, Client, ConnectPacket, PublishPacket } from 'aedes'
import { createAccess } from '../acl/access.ts'
import type { Denials } from '../acl/denials.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Qos } from '../topic/message.ts'
import { filterProblem, topicProblem } from '../topic/topic.ts'
import type { Sessions } from './session.ts'
import { setStamp } from './stamp.ts'

export type Done = (error?: Error | null) => void

export interface HookOptions {
  readonly acl: AclSource
  readonly denials: Denials
  readonly meter: Meter
  /** Bytes of the largest payload. */
  readonly maxPayload: number
  /** Filters that one connection may have. */
  readonly maxSubscriptions: number
  /** Whether a SUBSCRIBE that could never bring anything is granted, as with Mosquitto, or fails. */
  readonly subscribe: 'grant' | 'check'
  readonly sessions: Sessions
  publish(packet: PublishPacket, client: Client | null, done: Done): void
}

export type Hooks = Required<
  Pick<AedesOptions, 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>
>

/** CONNACK code 2, identifier rejected [MQTT-3.1.3-8]. */
const IDENTIFIER_REJECTED = 2

/** Packets that a hook has published or dropped itself. */
const settled = Symbol('settled')

export function isSettled(packet: object): boolean {
  return settled in packet
}

/** Our answers to aedes: whose a session is, what may be published, and, on each delivery, what may be read. */
export function createHooks(options: HookOptions): Hooks {
  const { acl, denials, meter, maxPayload, maxSubscriptions, sessions, subscribe, publish } =
    options

  /** Who publishes: a client, or one that a crash parted from its will, which is known by its client id alone. */
  function publisherOf(client: Client | null, packet: PublishPacket & { clientId?: string }) {
    const session = client === null ? undefined : sessions.get(client)
    if (session) {
      const { door, identity, access } = session
      return { door, device: identity.id, access }
    }
    const { clientId = '' } = packet
    const [device = ''] = clientId.split('/', 1)
    const who = { user: device, clientId: clientId.slice(device.length + 1) }
    return { door: 'mqtt', device, access: device === '' ? null : createAccess(acl, who) } as const
  }

  /** What ends a message that is stored or dropped. Sends PUBACK in aedes' place, which would send it too early; a will has none. */
  function endOf(packet: PublishPacket, client: Client | null, done: Done): () => void {
    const session = client && sessions.get(client)
    if (!session || packet.qos !== 1 || packet.messageId === undefined)
      return () => settle(packet, done)
    const acknowledge = session.acks.expect(packet.messageId)
    return () => {
      acknowledge()
      packet.qos = 0
      session.wire.owe(() => settle(packet, done))
    }
  }

  return {
    preConnect(client, packet: ConnectPacket, done) {
      const session = sessions.get(client)
      if (!session) return done(new Error('a connection without an identity'), false)
      const problem =
        (packet.clientId === '' ? null : nameProblem(packet.clientId)) ??
        (packet.will ? wireProblem(packet.will.topic) : null)
      if (problem) return done(new Error(`its client id or will topic ${problem}`), false)
      if (packet.clientId === '' && !packet.clean)
        session.refusal = refusal('an empty client id needs a clean session')
      const { id } = session.identity
      const clientId = packet.clientId || `auto-${randomUUID()}`
      session.access = createAccess(acl, { user: id, clientId })
      // a session belongs to an identity: the same client id under another certificate is another session
      packet.clientId = `${id}/${clientId}`
      done(null, true)
    },

    authenticate(client, _username, _password, done) {
      const refused = sessions.get(client)?.refusal ?? null
      done(refused, refused === null)
    },

    authorizePublish(client, packet, done) {
      const { door, device, access } = publisherOf(client, packet)
      const end = endOf(packet, client, done)
      if (!access) return end()
      const qos = packet.qos as Qos
      const problem = wireProblem(packet.topic)
      if (problem) {
        meter.published(door, qos, 'invalid')
        return done(new Error(`the topic ${problem}`))
      }
      if (packet.payload.length > maxPayload) {
        meter.published(door, qos, 'too_large')
        return end()
      }
      if (!access.mayPublish(packet.topic)) {
        meter.published(door, qos, 'denied')
        denials.note({ door, id: device, action: 'publish', topic: packet.topic })
        return end()
      }
      setStamp(packet, { device, time: Date.now() })
      if (qos !== 1) {
        meter.published(door, qos, 'accepted')
        return done(null)
      }
      // aedes writes PUBACK before it stores: publishing here makes PUBACK mean stored [MQTT-4.3.2-2]
      publish(packet, client, (error) => {
        meter.published(door, qos, error ? 'failed' : 'accepted')
        // without a client it is a will that a crash left behind, and aedes lets its error end the process
        if (error && client) return done(error)
        end()
      })
    },

    authorizeSubscribe(client, subscription, done) {
      const session = sessions.get(client)
      if (!session) return done(new Error('a connection without an identity'))
      const { subscriptions } = session
      const { topic, qos } = subscription
      const problem = replacementProblem(topic) ?? filterProblem(topic)
      if (problem) return done(new Error(`the filter ${problem}`))
      // 0x80 in SUBACK: failure
      if (!subscriptions.has(topic) && subscriptions.size >= maxSubscriptions) {
        meter.storeLimitReached('subscriptions', 1)
        return done(null, null)
      }
      if (subscribe === 'check' && !session.access?.couldReceive([topic])) return done(null, null)
      // every valid filter is granted, as with Mosquitto; reading is decided on each delivery
      subscriptions.grant(topic, qos as Qos)
      // of overlapping filters aedes would take the first one's QoS: all get the way of QoS 2 here, and
      // the delivery says which QoS it comes to
      done(null, { ...subscription, qos: 2 })
    },
  }
}

/** Tells aedes that all is well while it has nothing left to do: a denied QoS 1 or 2 message is acknowledged and dropped, as with Mosquitto. */
function settle(packet: PublishPacket, done: Done): void {
  Object.assign(packet, { [settled]: true })
  done(null)
}

/** Client ids may hold what has a meaning in filters, but no character that MQTT forbids. */
function nameProblem(clientId: string): string | null {
  return wireProblem(clientId.replaceAll(/[+#/]/g, '_'))
}

function wireProblem(topic: string): string | null {
  return replacementProblem(topic) ?? topicProblem(topic)
}

/** Bytes that are no UTF-8 arrive here as U+FFFD, and two different names would be one. */
function replacementProblem(text: string): string | null {
  return text.includes('\ufffd') ? 'must be valid UTF-8 [MQTT-1.5.3-1]' : null
}

function refusal(message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode: IDENTIFIER_REJECTED })
}
