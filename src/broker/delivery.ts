import type { AedesPublishPacket, Client } from 'aedes'
import type { Logger } from 'pino'
import type { Meter } from '../metrics/meter.ts'
import type { Qos } from '../topic/message.ts'
import { publishBytes } from './packet-bytes.ts'
import { MAX_QUEUED_ID } from './persistence/queue.ts'
import type { Session } from './session.ts'
import { stampOf } from './stamp.ts'

export interface DeliveryOptions {
  readonly meter: Meter
  readonly log: Logger
  /** Bytes that may wait for one MQTT subscriber. */
  readonly clientBuffer: number
  readonly brokerId: string
  /** Sends the client what waits in its session's queue. */
  sendWaiting(client: Client): void
}

/** Takes one message to one client, or drops it, and is done with it. */
export type Deliver = (packet: Delivered, done: () => void) => void

/** `nl` and `retain` are as a subscription has it: those of bridges do not want their own messages back. */
export type Delivered = AedesPublishPacket & { readonly clientId?: string; readonly nl?: boolean }

const MAX_PACKET_ID = 65_535
/** Below the packet identifiers that there are: more in flight, and two messages would share one. */
const MAX_UNACKNOWLEDGED = { clean: 50_000, persistent: 15_000 }

/**
 * The last step of every message to a subscriber, in place of aedes' own: whether it may read the message, at which QoS,
 * and whether there is room. aedes would copy a message twice for each subscriber, take it for a duplicate where others
 * had overtaken it, and make its publisher wait for whoever does not read.
 */
export function createDelivery(options: DeliveryOptions) {
  const { meter, log, clientBuffer, sendWaiting } = options
  const ownTopics = `$SYS/${options.brokerId}/`

  return (client: Client, session: Session): Deliver => {
    const { subscriptions, wire } = session

    function deliver(packet: Delivered): void {
      const { topic } = packet
      if (!session.access || client.closed) return
      // aedes' own $SYS messages name every client
      if (topic.startsWith(ownTopics)) return
      if (packet.nl && packet.clientId === client.id) return
      const stamp = stampOf(packet)
      // of a message that overlapping filters bring twice, the second copy
      if (stamp?.sequence !== undefined) {
        if (stamp.sequence <= session.lastSequence) return
        session.lastSequence = stamp.sequence
      }
      const qos = Math.min(packet.qos, subscriptions.highest(topic)) as Qos
      // a persistent session gets it from its queue, where it waits by now
      if (qos > 0 && !client.clean && stamp) {
        sendWaiting(client)
        return
      }
      // its subscriptions are there before its CONNACK is [MQTT-3.2.0-1]
      if (!session.greeted || !session.access.mayReceive(topic)) return
      if (wire.waiting > clientBuffer || session.unacknowledged > mostUnacknowledged()) {
        meter.deliveryDropped(session.door, 'slow_reader')
        if (qos > 0) disconnectSlow()
        return
      }
      wire.write(qos === 0 ? unnumbered(packet) : numbered(packet, qos))
      meter.delivered(session.door)
    }

    function numbered({ topic, payload, retain }: Delivered, qos: Qos): Buffer {
      session.unacknowledged += 1
      // what a new subscription brings goes past the queue of a persistent session, and under other identifiers
      const before = client.clean ? 0 : MAX_QUEUED_ID
      session.packetId = Math.max(before, session.packetId % MAX_PACKET_ID) + 1
      const messageId = session.packetId
      return publishBytes({ topic, payload, qos, retain, dup: false, messageId })
    }

    function mostUnacknowledged(): number {
      return client.clean ? MAX_UNACKNOWLEDGED.clean : MAX_UNACKNOWLEDGED.persistent
    }

    function disconnectSlow(): void {
      log.warn(
        { client: client.id, bytes: wire.waiting },
        'disconnecting an MQTT subscriber that does not keep up',
      )
      client.conn.destroy()
    }

    return (packet, done) => {
      deliver(packet)
      done()
    }
  }
}

/** QoS 0 is the same bytes for everybody, so they are put together once. */
function unnumbered(packet: Delivered): Buffer {
  const { topic, payload, retain } = packet
  const stamp = retain ? undefined : stampOf(packet)
  const bytes = stamp?.bytes ?? publishBytes({ topic, payload, qos: 0, retain, dup: false })
  if (stamp) stamp.bytes = bytes
  return bytes
}
