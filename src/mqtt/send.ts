import type { Delivery } from '../broker/delivery.ts'
import type { Match } from '../broker/session.ts'
import type { QueueEntry } from '../broker/store/queue-types.ts'
import type { Qos } from '../topic/message.ts'
import type { Answers } from './answers.ts'
import type { Client, MqttWorld } from './client.ts'
import { acknowledgementPacket } from './encode.ts'
import { noMemory } from './holds.ts'
import { createToPacket } from './message-packet.ts'
import type { Acknowledgement } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'
import type { Stall } from './stall.ts'

/** Sends one client its messages, as fast as it takes them. */
export interface Sender {
  /** Sends a live message. */
  deliver(delivery: Delivery, qos: Qos, match: Match): void
  /** Sends a retained message to a new subscription. False, and nothing happens, while there is no room. */
  sendRetained(message: Delivery, qos: Qos, match: Match): boolean
  /** Sends what waits in the session's queue, as far as window and wire allow. */
  sendWaiting(): void
  /** PUBACK, PUBREC or PUBCOMP came. */
  acknowledged(packet: Acknowledgement): void
  /** Whether the client can take another message at once. */
  hasRoom(): boolean
}

/** Bytes of memory besides the message, for each that waits in a session that ends with its connection. */
const ENTRY_BYTES = 256
/** The part of the room that retained messages may fill; the rest is for live ones. */
const RETAINED_PART = 0.5
const FAILURE = 0x80

export function createSender(
  client: Client,
  world: MqttWorld,
  answers: Answers,
  stall: Stall,
): Sender {
  const { session, access, terms, wire, door, holds } = client
  const { sessions, meter, settings, frames } = world
  const { clientBufferBytes } = settings
  const { version } = terms
  const window = session.isStored
    ? Math.min(terms.receiveMaximum, settings.maxInflight)
    : terms.receiveMaximum
  const toPacket = createToPacket(client, frames)
  // packets that wait for their packet identifiers to be stored
  let isStoring = false

  function deliver(delivery: Delivery, qos: Qos, match: Match): void {
    if (!client.isOpen() || !access.mayReceive(delivery.topic)) return
    const retain = match.retainAsPublished && delivery.retain
    if (!hasRoomFor(1)) drop(qos)
    else if (qos === 0) sendNow(delivery, retain, match)
    else sendReliably(delivery, qos, retain, match)
  }

  function sendRetained(message: Delivery, qos: Qos, match: Match): boolean {
    if (qos > 0 && session.isStored) {
      if (!sessions.hasRoomForRetained(session)) return false
      sessions
        .enqueueRetained(match, message, qos as 1 | 2)
        .then(sendWaiting)
        // the subscription stays, so the client has to learn that its retained message is missing
        .catch(() =>
          client.fail(
            new ProtocolError(Reason.unspecifiedError, 'cannot be sent a retained message'),
          ),
        )
      return true
    }
    if (!hasRoomFor(RETAINED_PART)) {
      stall.behind()
      return false
    }
    if (qos === 0) sendNow(message, true, match)
    else sendReliably(message, qos, true, match)
    return true
  }

  function hasRoomFor(part: number): boolean {
    const bytes = wire.waiting() + (session.isStored ? 0 : queued())
    return bytes <= clientBufferBytes * part && wire.hasRoom()
  }

  /** Bytes of memory that wait for acknowledgements in a session that ends with its connection. */
  function queued(): number {
    const { queue } = session
    return queue.bytes() + queue.unsent() * ENTRY_BYTES
  }

  /** A slow client loses QoS 0 messages. For QoS 1 and 2 its connection ends instead, so that nothing goes missing unnoticed. */
  function drop(qos: Qos): void {
    meter.deliveryDropped(door, 'slow_reader')
    world.logLimited(`slow\0${session.client}`, (repeated) =>
      world.log.warn(
        {
          device: session.device,
          client: session.clientId,
          bytes: wire.waiting(),
          ...repeated,
        },
        'an MQTT subscriber is too slow',
      ),
    )
    if (qos === 0) stall.behind()
    else
      client.fail(
        new ProtocolError(Reason.quotaExceeded, 'reads its subscriptions too slowly'),
        'slow_reader',
      )
  }

  function sendNow(message: Delivery, retain: boolean, match: Match): void {
    const packet = toPacket(message, 0, retain, false, 0, match.identifiers)
    if (isSmallEnough(packet)) wire.write(packet)
  }

  /** Sends it at once, or after the messages that wait already. */
  function sendReliably(message: Delivery, qos: 1 | 2, retain: boolean, match: Match): void {
    if (!session.queue.isIdle() || !mayGoOn()) {
      sessions.push(match, message, qos, retain)
      if (!session.isStored && !holds.queue.resize(queued())) client.fail(noMemory(), 'memory')
      return
    }
    const entry = sessions.pushSent(match, message, qos, retain)
    const packet = toPacket(message, qos, retain, false, entry.packetId, match.identifiers)
    if (isSmallEnough(packet)) wire.write(packet)
    else sessions.settle(session, entry)
  }

  /** Counts it as delivered, or as dropped if the client does not take packets of this size. */
  function isSmallEnough({ length }: Buffer): boolean {
    if (length <= terms.maximumPacketSize) meter.delivered(door)
    // as if it had been sent [MQTT-3.1.2-25]
    else meter.deliveryDropped(door, 'packet_too_large')
    return length <= terms.maximumPacketSize
  }

  function mayGoOn(): boolean {
    return (
      client.isOpen() &&
      wire.waiting() < clientBufferBytes &&
      session.queue.inFlight() < window &&
      wire.hasRoom()
    )
  }

  function sendWaiting(): void {
    if (isStoring || session.queue.isIdle()) return
    const stored: Buffer[] = []
    while (mayGoOn()) {
      const entry = sessions.next(session)
      if (!entry) break
      const packet = take(entry)
      if (packet === null) continue
      // under another packet identifier after a crash it would be another message [MQTT-4.3.3-1]
      const waits = entry.qos === 2 && session.isStored && !entry.isReleased
      // what comes after it must not overtake it
      if (waits || stored.length > 0) stored.push(packet)
      else wire.write(packet)
    }
    if (stored.length > 0) sendStored(stored)
    if (!session.isStored) holds.queue.resize(queued())
    if (wire.waiting() >= clientBufferBytes) stall.behind()
  }

  function sendStored(packets: readonly Buffer[]): void {
    isStoring = true
    sessions
      .stored()
      .then(() => {
        if (client.isOpen()) for (const packet of packets) wire.write(packet)
        isStoring = false
        sendWaiting()
      })
      // what is not sent now is sent on the next connection
      .catch(() => client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be sent QoS 2')))
  }

  /** The packet for an entry, which counts as sent from now on; null where the client does not get it. */
  function take(entry: QueueEntry): Buffer | null {
    const { message, qos, retain, identifiers } = entry
    const isRepeated = entry.packetId > 0
    if (message && !access.mayReceive(message.topic)) {
      sessions.settle(session, entry)
      return null
    }
    sessions.sent(session, entry)
    if (!message) return acknowledgementPacket(version, 'pubrel', entry.packetId)
    const packet = toPacket(message, qos, retain, isRepeated, entry.packetId, identifiers)
    if (isSmallEnough(packet)) return packet
    sessions.settle(session, entry)
    return null
  }

  function acknowledged({ type, packetId, reason }: Acknowledgement): void {
    const entry = session.queue.byPacketId(packetId)
    if (type === 'pubrec') received(entry, packetId, reason)
    else if (entry && (type === 'puback' ? entry.qos === 1 : entry.isReleased))
      sessions.settle(session, entry)
    sendWaiting()
  }

  /** PUBRELs leave in the order of their PUBRECs [MQTT-4.6.0-4]. */
  function received(entry: QueueEntry | undefined, packetId: number, reason: number): void {
    if (reason >= FAILURE) {
      if (entry) sessions.settle(session, entry)
    } else if (!entry) {
      const unknown = Reason.packetIdentifierNotFound
      answers.expect()(acknowledgementPacket(version, 'pubrel', packetId, unknown))
    } else if (entry.qos === 2) {
      const answer = answers.expect()
      sessions.release(session, entry).then(
        () => answer(acknowledgementPacket(version, 'pubrel', packetId)),
        () => client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be sent PUBREL')),
      )
    }
  }

  return {
    deliver,
    sendRetained,
    sendWaiting,
    acknowledged,
    hasRoom: () => client.isOpen() && hasRoomFor(RETAINED_PART) && session.queue.length() < window,
  }
}
