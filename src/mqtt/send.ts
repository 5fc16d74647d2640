import type { Delivery } from '../broker/delivery.ts'
import type { Match } from '../broker/session.ts'
import type { QueueEntry } from '../broker/store/queue-types.ts'
import type { Qos } from '../topic/message.ts'
import type { Client, MqttWorld } from './client.ts'
import { acknowledgementPacket } from './encode.ts'
import { noMemory } from './holds.ts'
import { createToPacket, type ToPacket } from './message-packet.ts'
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
  /** Whether the client can take another message at once. */
  hasRoom(): boolean
}

/** Bytes of memory besides the message, for each that waits in a session that ends with its connection. */
const ENTRY_BYTES = 256
/** The part of the room that retained messages may fill; the rest is for live ones. */
const RETAINED_PART = 0.5

export function createSender(client: Client, world: MqttWorld, stall: Stall): Sender {
  return new ClientSender(client, world, stall)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ClientSender implements Sender {
  readonly #client: Client
  readonly #world: MqttWorld
  readonly #stall: Stall
  // made for the first message, because many clients get none
  #packetOf: ToPacket | null = null
  /** Messages that may be sent and not yet acknowledged. */
  readonly #window: number
  /** Whether packets wait for their packet identifiers to be stored. */
  #isStoring = false

  constructor(client: Client, world: MqttWorld, stall: Stall) {
    const { session, terms } = client
    this.#client = client
    this.#world = world
    this.#stall = stall
    this.#window = session.isStored
      ? Math.min(terms.receiveMaximum, world.settings.maxInflight)
      : terms.receiveMaximum
  }

  #toPacket(): ToPacket {
    this.#packetOf ??= createToPacket(this.#client, this.#world.frames)
    return this.#packetOf
  }

  deliver(delivery: Delivery, qos: Qos, match: Match): void {
    const { access } = this.#client
    if (!this.#client.isOpen() || !access.mayReceive(delivery.topic)) return
    const retain = match.retainAsPublished && delivery.retain
    if (!this.#hasRoomFor(1)) this.#drop(qos)
    else if (qos === 0) this.#sendNow(delivery, retain, match)
    else this.#sendReliably(delivery, qos, retain, match)
  }

  sendRetained(message: Delivery, qos: Qos, match: Match): boolean {
    const { session } = this.#client
    if (qos > 0 && session.isStored) return this.#enqueueRetained(message, qos as 1 | 2, match)
    if (!this.#hasRoomFor(RETAINED_PART)) {
      this.#stall.behind()
      return false
    }
    if (qos === 0) this.#sendNow(message, true, match)
    else this.#sendReliably(message, qos, true, match)
    return true
  }

  #enqueueRetained(message: Delivery, qos: 1 | 2, match: Match): boolean {
    const { sessions } = this.#world
    if (!sessions.hasRoomForRetained(this.#client.session)) return false
    sessions
      .enqueueRetained(match, message, qos)
      .then(() => this.sendWaiting())
      // the subscription stays, so the client has to learn that its retained message is missing
      .catch(() =>
        this.#client.fail(
          new ProtocolError(Reason.unspecifiedError, 'cannot be sent a retained message'),
        ),
      )
    return true
  }

  hasRoom(): boolean {
    return (
      this.#client.isOpen() &&
      this.#hasRoomFor(RETAINED_PART) &&
      this.#client.session.queue.length() < this.#window
    )
  }

  #hasRoomFor(part: number): boolean {
    const { wire, session } = this.#client
    const bytes = wire.waiting() + (session.isStored ? 0 : this.#queued())
    return bytes <= this.#world.settings.clientBufferBytes * part && wire.hasRoom()
  }

  /** Bytes of memory that wait for acknowledgements in a session that ends with its connection. */
  #queued(): number {
    const { queue } = this.#client.session
    return queue.bytes() + queue.unsent() * ENTRY_BYTES
  }

  /** A slow client loses QoS 0 messages. For QoS 1 and 2 its connection ends instead, so that nothing goes missing unnoticed. */
  #drop(qos: Qos): void {
    const { session, door, wire } = this.#client
    const { meter, log, logLimited } = this.#world
    meter.deliveryDropped(door, 'slow_reader')
    logLimited(`slow\0${session.client}`, (repeated) =>
      log.warn(
        {
          device: session.device,
          client: session.clientId,
          bytes: wire.waiting(),
          ...repeated,
        },
        'an MQTT subscriber is too slow',
      ),
    )
    if (qos === 0) this.#stall.behind()
    else
      this.#client.fail(
        new ProtocolError(Reason.quotaExceeded, 'reads its subscriptions too slowly'),
        'slow_reader',
      )
  }

  #sendNow(message: Delivery, retain: boolean, match: Match): void {
    const packet = this.#toPacket()(message, 0, retain, false, 0, match.identifiers)
    if (this.#isSmallEnough(packet)) this.#client.wire.write(packet)
  }

  /** Sends it at once, or after the messages that wait already. */
  #sendReliably(message: Delivery, qos: 1 | 2, retain: boolean, match: Match): void {
    const { session, wire, holds } = this.#client
    const { sessions } = this.#world
    if (!session.queue.isIdle() || !this.#mayGoOn()) {
      sessions.push(match, message, qos, retain)
      if (!session.isStored && !holds.queue.resize(this.#queued()))
        this.#client.fail(noMemory(), 'memory')
      return
    }
    const entry = sessions.pushSent(match, message, qos, retain)
    const packet = this.#toPacket()(message, qos, retain, false, entry.packetId, match.identifiers)
    if (this.#isSmallEnough(packet)) wire.write(packet)
    else sessions.settle(session, entry)
  }

  /** Counts it as delivered, or as dropped if the client does not take packets of this size. */
  #isSmallEnough({ length }: Buffer): boolean {
    const { terms, door } = this.#client
    if (length <= terms.maximumPacketSize) this.#world.meter.delivered(door)
    // as if it had been sent [MQTT-3.1.2-25]
    else this.#world.meter.deliveryDropped(door, 'packet_too_large')
    return length <= terms.maximumPacketSize
  }

  #mayGoOn(): boolean {
    const { wire, session } = this.#client
    return (
      this.#client.isOpen() &&
      wire.waiting() < this.#world.settings.clientBufferBytes &&
      session.queue.inFlight() < this.#window &&
      wire.hasRoom()
    )
  }

  sendWaiting(): void {
    const { session, wire, holds } = this.#client
    const { sessions, settings } = this.#world
    if (this.#isStoring || session.queue.isIdle()) return
    const stored: Buffer[] = []
    while (this.#mayGoOn()) {
      const entry = sessions.next(session)
      if (!entry) break
      const packet = this.#take(entry)
      if (packet === null) continue
      // under another packet identifier after a crash it would be another message [MQTT-4.3.3-1]
      const waits = entry.qos === 2 && session.isStored && !entry.isReleased
      // what comes after it must not overtake it
      if (waits || stored.length > 0) stored.push(packet)
      else wire.write(packet)
    }
    if (stored.length > 0) this.#sendStored(stored)
    if (!session.isStored) holds.queue.resize(this.#queued())
    if (wire.waiting() >= settings.clientBufferBytes) this.#stall.behind()
  }

  #sendStored(packets: readonly Buffer[]): void {
    this.#isStoring = true
    this.#world.sessions
      .stored()
      .then(() => {
        if (this.#client.isOpen()) for (const packet of packets) this.#client.wire.write(packet)
        this.#isStoring = false
        this.sendWaiting()
      })
      // what is not sent now is sent on the next connection
      .catch(() =>
        this.#client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be sent QoS 2')),
      )
  }

  /** The packet for an entry, which counts as sent from now on; null where the client does not get it. */
  #take(entry: QueueEntry): Buffer | null {
    const { session, access, terms } = this.#client
    const { sessions } = this.#world
    const { message, qos, retain, identifiers } = entry
    const isRepeated = entry.packetId > 0
    if (message && !access.mayReceive(message.topic)) {
      sessions.settle(session, entry)
      return null
    }
    sessions.sent(session, entry)
    if (!message) return acknowledgementPacket(terms.version, 'pubrel', entry.packetId)
    const packet = this.#toPacket()(message, qos, retain, isRepeated, entry.packetId, identifiers)
    if (this.#isSmallEnough(packet)) return packet
    sessions.settle(session, entry)
    return null
  }
}
