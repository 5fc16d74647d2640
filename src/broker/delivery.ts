import type { AedesPublishPacket, Client } from 'aedes'
import type { Logger } from 'pino'
import type { Meter } from '../metrics/meter.ts'
import type { Sparingly } from '../sparingly.ts'
import type { Qos } from '../topic/message.ts'
import { publishBytes } from './packet-bytes.ts'
import type { PublishPacket } from './persistence/packet.ts'
import type { Persistence } from './persistence/persistence.ts'
import { MAX_PACKET_ID } from './persistence/queue.ts'
import type { Session } from './session.ts'
import { type Stamp, stampOf } from './stamp.ts'

export interface DeliveryOptions {
  readonly persistence: Persistence
  readonly meter: Meter
  readonly log: Logger
  /** Bytes that may wait for one MQTT subscriber. */
  readonly clientBuffer: number
  readonly sparingly: Sparingly
  /** Seconds that a subscriber may take nothing while it is behind. */
  readonly streamStall: number
  readonly brokerId: string
  /** Sends the client what waits in its session's queue. */
  sendWaiting(client: Client): void
}

/** Takes one message to one client, or drops it; calls `done` once there is room for another. */
export type Deliver = (packet: Delivered, done: () => void) => void

/** `nl` and `retain` are as a subscription has it: those of bridges do not want their own messages back. */
export type Delivered = AedesPublishPacket & { readonly clientId?: string; readonly nl?: boolean }

/** Below the packet identifiers that there are: more in flight, and two messages would share one. */
const MAX_UNACKNOWLEDGED = 50_000
/** SUBSCRIBE packets whose retained messages wait for room; those of more are dropped. */
const MAX_HELD = 100

/**
 * The last step of every message to a subscriber, in place of aedes' own: whether it may read the message, at which QoS,
 * and whether there is room. aedes would copy a message twice for each subscriber, take it for a duplicate where others
 * had overtaken it, and make its publisher wait for whoever does not read.
 */
export function createDelivery(options: DeliveryOptions) {
  const { persistence, meter, log, sparingly, clientBuffer, sendWaiting } = options
  const stall = options.streamStall * 1000
  const ownTopics = `$SYS/${options.brokerId}/`

  return (client: Client, session: Session): Deliver => {
    const { subscriptions, wire, held } = session

    function deliver(packet: Delivered, done: () => void): void {
      const stamp = stampOf(packet)
      // aedes' own $SYS messages name every client
      if (client.closed || packet.topic.startsWith(ownTopics)) done()
      else if (stamp) {
        pass(packet, stamp)
        done()
      } else bring(packet.topic, done)
    }

    /** A live message finds room now or never, and its publisher does not wait. */
    function pass(packet: Delivered, stamp: Stamp): void {
      if (packet.nl && packet.clientId === client.id) return
      // of a message that overlapping filters bring twice, the second copy
      if (stamp.sequence !== undefined) {
        if (stamp.sequence <= session.lastSequence) return
        session.lastSequence = stamp.sequence
      }
      // a persistent session gets it from its queue, where it waits by now
      if (!client.clean && stamp.queuedFor?.has(client.id)) {
        sendWaiting(client)
        return
      }
      const qos = client.clean ? grantedQos(packet) : 0
      // its subscriptions are there before its CONNACK is [MQTT-3.2.0-1]
      if (!session.greeted || !session.access?.mayReceive(packet.topic)) return
      if (hasRoom(1)) send(packet, qos)
      else {
        drop()
        if (qos > 0 || wire.quiet > stall) client.conn.destroy()
      }
    }

    /**
     * What a new subscription brings waits until there is room, for nobody waits for it. It is what is retained by then,
     * so that it is never older than what the client has seen.
     */
    function bring(topic: string, done: () => void): void {
      const packet = persistence.retainedOn(topic)
      const wanted = packet && !client.closed && session.access?.mayReceive(topic)
      if (wanted && !sendRetained(packet)) {
        if (held.length < MAX_HELD) {
          held.push(() => bring(topic, done))
          return
        }
        drop()
      }
      done()
    }

    /** Whether there was room for it: half of all, so that there is some for what is live. */
    function sendRetained(packet: PublishPacket): boolean {
      const qos = grantedQos(packet)
      const queued = qos > 0 && !client.clean
      if (queued ? !persistence.hasRoomForRetained(client) : !hasRoom(0.5)) return false
      if (queued) queue(packet, qos)
      else send({ topic: packet.topic, payload: packet.payload as Buffer, retain: true }, qos)
      return true
    }

    function queue(packet: PublishPacket, qos: Qos): void {
      persistence.outgoingEnqueueRetained(client, packet, qos).then(
        () => sendWaiting(client),
        (error) => {
          // its subscription is kept, so it has to hear that what this brings is not
          log.error({ err: error, client: client.id }, 'cannot queue a retained message')
          client.conn.destroy()
        },
      )
    }

    function grantedQos({ qos, topic }: Pick<Delivered, 'qos' | 'topic'>): Qos {
      return Math.min(qos, subscriptions.highest(topic)) as Qos
    }

    function hasRoom(part: number): boolean {
      const { unacknowledged } = session
      return wire.waiting <= clientBuffer * part && unacknowledged <= MAX_UNACKNOWLEDGED * part
    }

    function send(packet: Sent, qos: Qos): void {
      wire.write(qos === 0 ? unnumbered(packet) : numbered(packet, qos))
      meter.delivered(session.door)
    }

    function numbered({ topic, payload, retain }: Sent, qos: Qos): Buffer {
      session.unacknowledged += 1
      session.packetId = (session.packetId % MAX_PACKET_ID) + 1
      const messageId = session.packetId
      return publishBytes({ topic, payload, qos, retain, dup: false, messageId })
    }

    function drop(): void {
      meter.deliveryDropped(session.door, 'slow_reader')
      sparingly(client.id, (repeated) =>
        log.warn(
          { client: client.id, bytes: wire.waiting, ...repeated },
          'an MQTT subscriber does not keep up',
        ),
      )
    }

    return deliver
  }
}

type Sent = Pick<AedesPublishPacket, 'topic' | 'payload' | 'retain'>

/** QoS 0 is the same bytes for everybody, so they are put together once. */
function unnumbered(packet: Sent): Buffer {
  const { topic, payload, retain } = packet
  const stamp = retain ? undefined : stampOf(packet)
  const bytes = stamp?.bytes ?? publishBytes({ topic, payload, qos: 0, retain, dup: false })
  if (stamp) stamp.bytes = bytes
  return bytes
}
