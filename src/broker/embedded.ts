import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { Aedes, type AedesPublishPacket, type Client, type PublishPacket } from 'aedes'
import createPersistence, { type AedesPersistence } from 'aedes-persistence'
import createEmitter from 'mqemitter'
import type { Logger } from 'pino'
import type { AclSource } from '../acl/reload.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import { topicMatches } from '../topic/match.ts'
import type { Message, Qos } from '../topic/message.ts'
import type { Broker, Delivery } from './broker.ts'
import { createHooks, type Stamp, stampOf } from './hooks.ts'

/** A broker that speaks MQTT itself, to connections that have been identified. */
export interface MqttHost {
  accept(stream: Duplex, identity: Identity, door: Door): void
}

export interface EmbeddedOptions {
  readonly acl: AclSource
  readonly meter: Meter
  readonly log: Logger
  /** Bytes of the largest payload. */
  readonly maxPayload: number
  /** Bytes that may wait for one MQTT subscriber. */
  readonly clientBuffer: number
}

/** aedes allows any time for the first packet; a device needs a few round trips. */
const CONNECT_TIMEOUT_MS = 10_000

type PublishCallback = (error?: Error | null) => void

/** aedes inside this process, with the gateway's own answers to who may do what. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Broker & MqttHost> {
  const { log } = options
  const persistence = (createPersistence as unknown as () => AedesPersistence)()
  const aedes = new Aedes({
    persistence,
    // one place gives the order; 0 because a bounded emitter queues in an array it shifts (fan-in eight times slower)
    mq: createEmitter({ concurrency: 0, matchEmptyLevels: true }),
    concurrency: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // client ids are prefixed with the WoTT ID, so MQTT 3.1's 23 characters are no measure of them
    maxClientsIdLength: 65_535,
  })
  const publish = aedes.publish.bind(aedes) as unknown as (
    packet: PublishPacket,
    client: Client | null,
    done: PublishCallback,
  ) => void
  const hooks = createHooks({ ...options, brokerId: aedes.id, publish })
  Object.assign(aedes, hooks.aedes)
  // after a hook has published or refused a packet itself, aedes must not publish it again
  aedes.publish = ((
    packet: PublishPacket,
    client: Client | PublishCallback,
    done?: PublishCallback,
  ) => {
    const [from, answer] = typeof client === 'function' ? [null, client] : [client, done]
    if (hooks.isSettled(packet)) answer?.()
    else publish(packet, from, answer ?? (() => {}))
  }) as typeof aedes.publish

  ;(aedes as EventEmitter).on('error', (error: Error) => log.error({ err: error }, 'broker error'))
  aedes.on('clientError', (client, error) =>
    log.debug({ client: client.id, reason: error.message }, 'MQTT client error'),
  )
  aedes.on('connectionError', (_client, error) => {
    if (error.message === 'unacceptable protocol version')
      log.warn(
        'refused a client that speaks MQTT 5: have it use MQTT 3.1.1 (mosquitto_pub -V mqttv311)',
      )
    else log.debug({ reason: error.message }, 'MQTT connection error')
  })
  await aedes.listen()

  let sequence = 0
  let closing: Promise<void> | undefined
  return {
    accept(stream, identity, door) {
      hooks.adopt(aedes.handle(stream), identity, door)
    },

    publish(message) {
      return new Promise((resolve, reject) => {
        if (closing) return reject(unavailable('the broker is closed'))
        publish(toPacket(message), null, (error) =>
          error ? reject(unavailable('the broker did not take the message', error)) : resolve(),
        )
      })
    },

    async subscribe(filter, onMessage) {
      const dollar = filter.startsWith('$')
      function deliver(packet: AedesPublishPacket, done: () => void): void {
        // aedes lets wildcards reach "$" here [MQTT-4.7.2-1]
        if (packet.topic.startsWith('$') === dollar) {
          sequence += 1
          try {
            onMessage(toDelivery(packet, sequence))
          } catch (error) {
            // thrown into the emitter it would end the publisher's connection
            log.error({ err: error }, 'a subscriber inside the gateway failed')
          }
        }
        done()
      }
      await new Promise<void>((resolve) => aedes.subscribe(filter, deliver, () => resolve()))
      return () => new Promise((resolve) => aedes.unsubscribe(filter, deliver, () => resolve()))
    },

    async retained(filter) {
      const found: Message[] = []
      for await (const packet of persistence.createRetainedStream(filter))
        if (topicMatches(filter, packet.topic)) found.push(toMessage(packet, true))
      return found
    },

    problem: () => (closing ? 'the broker is closed' : null),

    close() {
      closing ??= new Promise((resolve) => aedes.close(() => resolve()))
      return closing
    },
  }
}

function toPacket({ topic, payload, qos, retain, device, time }: Message): PublishPacket {
  const stamp: Stamp = { device, time }
  return {
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain,
    dup: false,
    properties: stamp,
  } as PublishPacket
}

function toMessage(packet: AedesPublishPacket, retain: boolean): Message {
  const { device, time } = stampOf(packet)
  return {
    topic: packet.topic,
    payload: packet.payload as Buffer,
    qos: packet.qos as Qos,
    retain,
    device,
    time,
  }
}

function toDelivery(packet: AedesPublishPacket, sequence: number): Delivery {
  return { ...toMessage(packet, packet.retain), sequence }
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('broker_unavailable', message, { cause, retryAfter: 1 })
}
