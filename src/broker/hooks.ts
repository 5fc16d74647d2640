import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type {
  AedesOptions,
  AuthenticateError,
  Client,
  ConnectPacket,
  PublishPacket,
  Subscription,
} from 'aedes'
import type { Logger } from 'pino'
import { type Access, createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import { filterProblem, topicProblem } from '../topic/topic.ts'

/** What travels with a message through aedes, in the one field that it copies and MQTT 3.1.1 does not send. */
export interface Stamp {
  readonly device: string | null
  readonly time: number
}

export function stampOf(packet: object): Stamp {
  const { properties } = packet as { properties?: Partial<Stamp> }
  return { device: properties?.device ?? null, time: properties?.time ?? Date.now() }
}

export interface HookOptions {
  readonly acl: AclSource
  readonly meter: Meter
  readonly log: Logger
  readonly maxPayload: number
  readonly clientBuffer: number
  readonly brokerId: string
  publish(packet: PublishPacket, client: Client | null, done: (error?: Error | null) => void): void
}

type Hooks = Required<
  Pick<
    AedesOptions,
    'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
  >
>

/** One MQTT connection: whose it is, and what the ACL makes of it once its client id is known. */
interface Session {
  readonly identity: Identity
  readonly door: Door
  access: Access | null
  refusal: AuthenticateError | null
}

/** Packets that a hook has published or dropped itself. */
const settled = Symbol('settled')
type Settled = { [settled]?: true }

/** CONNACK code 2, identifier rejected [MQTT-3.1.3-8]. */
const IDENTIFIER_REJECTED = 2

/** Our answers to aedes: whose a session is, what may be published, and what may be read on each delivery. */
export function createHooks(options: HookOptions) {
  const { acl, meter, log, maxPayload, clientBuffer, publish } = options
  const sessions = new WeakMap<object, Session>()
  const ownTopics = `$SYS/${options.brokerId}/`

  function adopt(client: Client, identity: Identity, door: Door): void {
    sessions.set(client, { identity, door, access: null, refusal: null })
    // a subscriber that does not drain must not hold the publisher; authorizeForward bounds what waits
    Object.assign(client, { waitForDrain: (done: () => void) => setImmediate(done) })
  }

  function drop(packet: PublishPacket, done: (error?: Error | null) => void): void {
    ;(packet as Settled)[settled] = true
    done(null)
  }

  const hooks: Hooks = {
    preConnect(client, packet: ConnectPacket, done) {
      const session = sessions.get(client)
      if (!session) return done(new Error('a connection without an identity'), false)
      const { id } = session.identity
      const problem =
        (packet.clientId === '' ? null : topicLikeProblem(packet.clientId)) ??
        (packet.will ? topicProblem(packet.will.topic) : null)
      if (problem) return done(new Error(`client id or will topic ${problem}`), false)
      if (packet.clientId === '' && !packet.clean)
        session.refusal = refusal('an empty client id needs a clean session')
      const clientId = packet.clientId || `auto-${randomUUID()}`
      session.access = createAccess(acl, { user: id, clientId })
      // sessions belong to an identity: another certificate with the same client id is another session
      packet.clientId = `${id}/${clientId}`
      done(null, true)
    },

    authenticate(client, _username, _password, done) {
      const refused = sessions.get(client)?.refusal ?? null
      done(refused, refused === null)
    },

    authorizePublish(client, packet, done) {
      const session = client === null ? undefined : sessions.get(client)
      // a will left behind by a crash: nobody is there to be asked, so it is dropped, and an error would end the process
      if (!client || !session?.access) return drop(packet, done)
      const { door, identity, access } = session
      const { qos } = packet
      const problem = topicProblem(packet.topic)
      if (problem) {
        meter.published(door, qos, 'invalid')
        return done(new Error(`the topic ${problem}`))
      }
      if (packet.payload.length > maxPayload) {
        meter.published(door, qos, 'too_large')
        return drop(packet, done)
      }
      if (!access.mayPublish(packet.topic)) {
        meter.published(door, qos, 'denied')
        return drop(packet, done)
      }
      const stamp: Stamp = { device: identity.id, time: Date.now() }
      Object.assign(packet, { properties: stamp })
      if (qos !== 1) {
        meter.published(door, qos, 'accepted')
        return done(null)
      }
      // aedes writes PUBACK before it stores: publish here, so that PUBACK means taken [MQTT-4.3.2-2]
      publish(packet, client, (error) => {
        meter.published(door, qos, error ? 'failed' : 'accepted')
        if (error) return done(error)
        drop(packet, done)
      })
    },

    authorizeSubscribe(_client, subscription: Subscription, done) {
      const problem = filterProblem(subscription.topic)
      if (problem) return done(new Error(`the filter ${problem}`))
      // as with Mosquitto every valid filter is granted; reading is decided on each delivery
      done(null, subscription)
    },

    authorizeForward(client, packet) {
      const session = sessions.get(client)
      if (!session?.access?.mayReceive(packet.topic) || packet.topic.startsWith(ownTopics))
        return null
      const waiting = (client.conn as Duplex).writableLength
      if (waiting > clientBuffer) {
        meter.deliveryDropped(session.door, 'slow_reader')
        if (packet.qos > 0) {
          log.warn(
            { client: client.id, waiting },
            'disconnecting an MQTT subscriber that does not read',
          )
          client.conn.destroy()
        }
        return null
      }
      meter.delivered(session.door)
      return packet
    },
  }

  return {
    aedes: hooks,
    adopt,
    isSettled: (packet: object) => (packet as Settled)[settled] === true,
  }
}

function topicLikeProblem(text: string): string | null {
  return filterProblem(text.replaceAll(/[+#/]/g, '_'))
}

function refusal(message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode: IDENTIFIER_REJECTED })
}
