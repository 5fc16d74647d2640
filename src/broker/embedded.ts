import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { Aedes, type AedesPublishPacket, type Client, type PublishPacket } from 'aedes'
import type { Logger } from 'pino'
import type { Denials } from '../acl/denials.ts'
import type { AclSource } from '../acl/reload.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import { createSparingly, type Sparingly } from '../sparingly.ts'
import type { Message, Qos } from '../topic/message.ts'
import { MAX_TOPIC_BYTES } from '../topic/topic.ts'
import type { Broker, Delivery } from './broker.ts'
import { createDelivery } from './delivery.ts'
import { createEmitter } from './emitter.ts'
import { fencePersistence } from './fenced-persistence.ts'
import { guardFrames } from './frame-guard.ts'
import { createHooks, type Done, isSettled } from './hooks.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import type { Persistence } from './persistence/persistence.ts'
import { createPublishing } from './publishing.ts'
import { createSession, type Sessions } from './session.ts'
import { setStamp, stampOf } from './stamp.ts'
import { fenceTakeover, type Registry } from './takeover.ts'
import { createWire } from './wire.ts'

/** A broker that speaks MQTT itself, to connections that have been identified. */
export interface MqttHost {
  /** Bytes of the largest packet after CONNECT. */
  readonly maxPacket: number
  accept(stream: Duplex, identity: Identity, door: Door): void
}

export interface EmbeddedOptions {
  readonly acl: AclSource
  readonly denials: Denials
  readonly meter: Meter
  readonly log: Logger
  readonly persistence: Persistence
  /** Bytes of the largest payload. */
  readonly maxPayload: number
  /** Bytes that may wait for one MQTT subscriber. */
  readonly clientBuffer: number
  /** Seconds that a subscriber may take nothing while it is behind. */
  readonly streamStall: number
  /** Messages that one client may have without having acknowledged them. */
  readonly maxInflight: number
  /** Filters that one connection may have. */
  readonly maxSubscriptions: number
  /** Whether a SUBSCRIBE that could never bring anything is granted, as with Mosquitto, or fails. */
  readonly subscribe: 'grant' | 'check'
  readonly heartbeatMs?: number
  /** Seconds until CONNECT has to be there. */
  readonly connectTimeout: number
  /** Seconds that one packet may take to arrive. */
  readonly packetTimeout: number
}

/** What aedes says of a client whose CONNECT did not come. */
const CONNECT_TOO_SLOW = 'connect did not arrive in time'
/** A client id, a will and credentials that nobody reads: larger is no device. */
const MAX_CONNECT_BYTES = 16_384

/** aedes inside this process, with the gateway's own order, store, and answers to who may do what. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Broker & MqttHost> {
  const { meter, log, persistence } = options
  const sparingly = createSparingly()
  const sessions: Sessions = new WeakMap()
  const emitter = createEmitter()
  const outbox = createOutbox({ ...options, sessions })
  const frames = {
    connect: MAX_CONNECT_BYTES,
    packet: options.maxPayload + MAX_TOPIC_BYTES + 16,
    time: options.packetTimeout * 1000,
  }
  const aedes = new Aedes({
    persistence: fencePersistence(persistence, sessions, () => aedes.id),
    mq: emitter,
    concurrency: 0,
    // as many as there are packet identifiers: of those that wait for PUBREL only these are kept
    maxInflightInbound: 65_535,
    connectTimeout: options.connectTimeout * 1000,
    // packets sent along with CONNECT; the frame guard and the size of one read bound their bytes
    queueLimit: 1000,
    // sorts after the ids of earlier lives, so that what they left behind is known to be theirs
    id: `gateway-${Date.now().toString(36)}`,
    // client ids are prefixed with the WoTT ID, so MQTT 3.1's 23 characters are no measure of them
    maxClientsIdLength: 65_535,
    // the wills that a crash left behind are published after four of these
    heartbeatInterval: options.heartbeatMs ?? 15_000,
  })
  const deliverTo = createDelivery({
    ...{ ...options, sparingly },
    brokerId: aedes.id,
    sendWaiting: outbox.send,
  })
  const { publish, idle } = createPublishing(persistence, emitter)

  /** Sends what waited until the client had read or acknowledged something. */
  function goOn(client: Client): void {
    outbox.send(client)
    const { held = [] } = sessions.get(client) ?? {}
    if (held.length > 0) for (const again of held.splice(0)) again()
  }

  Object.assign(aedes, createHooks({ ...options, sessions, publish }), {
    publish(packet: PublishPacket, client: Client | Done | null, done: Done = () => {}) {
      const [from, answer] = typeof client === 'function' ? [null, client] : [client, done]
      // a hook has published or dropped it already
      if (isSettled(packet)) answer()
      else publish(packet, from, answer)
    },
  })
  fenceTakeover(aedes)
  listenTo(aedes, options, sessions, { outbox, goOn, sparingly })
  await aedes.listen()

  let ending: Promise<void> | undefined
  let closing: Promise<void> | undefined

  function end(): Promise<void> {
    ending ??= endClients().then(() => new Promise((resolve) => aedes.close(resolve)))
    return ending
  }

  /** Each with its will, while there is somebody to publish it. */
  async function endClients(): Promise<void> {
    const clients: Client[] = Object.values((aedes as unknown as Registry).clients)
    await Promise.all(clients.map((client) => new Promise<void>((done) => client.close(done))))
    await idle()
  }

  return {
    maxPacket: frames.packet,
    accept(stream, identity, door) {
      const client = aedes.handle(stream)
      // aedes would handle packets before it has answered CONNECT, and before those that came along with CONNECT
      let caughtUp = false
      client.once('connected', () => {
        caughtUp = true
      })
      guardFrames(
        stream,
        frames,
        ({ message, bound }) => {
          if (bound) meter.connectionCut(door, bound)
          sparingly(`cut\0${bound}\0${identity.id}`, (repeated) =>
            log.warn(
              { device: identity.id, reason: message, ...repeated },
              'disconnecting an MQTT client',
            ),
          )
        },
        () => !caughtUp && (client.connecting || client.connected),
      )
      const wire = createWire(stream, () => goOn(client))
      const session = createSession(identity, door, wire)
      sessions.set(client, session)
      const deliver = deliverTo(client, session)
      // of what aedes writes itself, it waits here for a client that reads none of it
      Object.assign(client, { deliver0: deliver, deliverQoS: deliver, waitForDrain: wire.owe })
    },

    publish(message) {
      return new Promise((resolve, reject) => {
        if (ending) return reject(unavailable('The broker is closed.'))
        publish(toPacket(message), null, (error) =>
          error ? reject(unavailable('The broker did not take the message.', error)) : resolve(),
        )
      })
    },

    async subscribe(filter, onMessage) {
      function deliver(packet: AedesPublishPacket, done: () => void): void {
        const sequence = stampOf(packet)?.sequence
        // aedes' own messages have no number
        if (sequence !== undefined) {
          try {
            onMessage(toDelivery(packet, sequence))
          } catch (error) {
            // thrown into the emitter it would end the publisher's connection
            log.error({ err: error }, 'a subscriber inside the gateway failed')
          }
        }
        done()
      }
      await new Promise<void>((resolve) => aedes.subscribe(filter, deliver, resolve))
      return () => new Promise((resolve) => aedes.unsubscribe(filter, deliver, resolve))
    },

    async retained(filter) {
      const packets = await persistence.retained(filter)
      return packets.map((packet) => {
        const { sequence: _, ...message } = toDelivery(packet as AedesPublishPacket, 0)
        return { ...message, retain: true }
      })
    },

    problem: () => (ending ? 'the broker is closed' : persistence.problem()),

    end,
    close() {
      closing ??= end().then(persistence.destroy)
      return closing
    },
  }
}

interface Listening {
  readonly outbox: Outbox
  goOn(client: Client): void
  readonly sparingly: Sparingly
}

function listenTo(
  aedes: Aedes,
  { meter, log, persistence }: EmbeddedOptions,
  sessions: Sessions,
  { outbox, goOn, sparingly }: Listening,
): void {
  const events: EventEmitter = aedes
  events.on('error', (error: Error) => log.error({ err: error }, 'broker error'))
  aedes.on('client', ({ id }) => persistence.touch(id, true))
  aedes.on('clientDisconnect', ({ id }) => persistence.touch(id, false))
  aedes.on('connackSent', (_packet, client) => {
    const session = sessions.get(client)
    if (session) session.greeted = true
  })
  aedes.on('clientReady', (client) => {
    if (!client.clean) outbox.open(client)
  })
  aedes.on('ack', (_packet, client) => {
    const session = sessions.get(client)
    if (session && session.unacknowledged > 0) session.unacknowledged -= 1
    goOn(client)
  })
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) sessions.get(client)?.subscriptions.remove(filter)
  })
  aedes.on('clientError', (client, error) =>
    log.debug({ client: client.id, reason: error.message }, 'MQTT client error'),
  )
  aedes.on('connectionError', (client, error) => {
    const { identity, door } = sessions.get(client) ?? {}
    const device = identity?.id
    if (door && error.message === CONNECT_TOO_SLOW) meter.connectionCut(door, 'connect_timeout')
    if (error.message === 'unacceptable protocol version')
      sparingly(`version\0${device}`, (repeated) =>
        log.warn(
          { device, ...repeated },
          'refused a client that speaks MQTT 5: have it use MQTT 3.1.1 (mosquitto_pub -V mqttv311)',
        ),
      )
    else log.debug({ device, reason: error.message }, 'MQTT connection error')
  })
}

function toPacket({ topic, payload, qos, retain, device, time }: Message): PublishPacket {
  const packet: PublishPacket = { cmd: 'publish', topic, payload, qos, retain, dup: false }
  setStamp(packet, { device, time })
  return packet
}

function toDelivery(packet: AedesPublishPacket, sequence: number): Delivery {
  const { device = null, time = Date.now() } = stampOf(packet) ?? {}
  const { topic, payload, qos, retain } = packet
  return {
    topic,
    payload: payload as Buffer,
    qos: qos as Qos,
    retain,
    device,
    time,
    properties: null,
    expires: null,
    sequence,
  }
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('broker_unavailable', message, { cause, retryAfter: 1 })
}
