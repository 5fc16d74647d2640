import type { Subscription } from '../broker/session.ts'
import { takeAcknowledgement } from './acknowledged.ts'
import { type Answers, createAnswers } from './answers.ts'
import type { Client, MqttWorld } from './client.ts'
import { decodePacket } from './decode.ts'
import { PINGRESP } from './encode.ts'
import type { ClientPacket } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { createReceiver, type Receiver } from './receive.ts'
import { createRetainedSender, type RetainedSender } from './retained-sender.ts'
import { createSender, type Sender } from './send.ts'
import { createStall, type Stall } from './stall.ts'
import { createSubscriptionHandler, type SubscriptionHandler } from './subscribe.ts'

/** Handles the packets between CONNACK and the end of a connection. */
export interface Conversation {
  readonly sender: Sender
  /** Takes the next packet of the client; throws a ProtocolError for one that it may not send. */
  handle(firstByte: number, body: Buffer): void
  /** The system has taken something that was written. */
  taken(): void
  /** The connection has ended. */
  end(): void
}

export function createConversation(client: Client, world: MqttWorld): Conversation {
  return new ClientConversation(client, world)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ClientConversation implements Conversation {
  readonly sender: Sender
  readonly #client: Client
  readonly #world: MqttWorld
  readonly #stall: Stall
  readonly #answers: Answers
  // made when needed, because tens of thousands of clients only subscribe, or only publish
  #receiver: Receiver | null = null
  #retained: RetainedSender | null = null

  constructor(client: Client, world: MqttWorld) {
    this.#client = client
    this.#world = world
    this.#stall = createStall(client, world.stallMs)
    this.#answers = createAnswers(client, this.#stall)
    this.sender = createSender(client, world, this.#stall)
  }

  handle(firstByte: number, body: Buffer): void {
    this.#take(decodePacket(firstByte, body, this.#client.terms.version))
  }

  taken(): void {
    this.#stall.stop()
    this.#answers.taken()
    this.sender.sendWaiting()
    this.#retained?.resume()
  }

  end(): void {
    this.#stall.stop()
    this.#receiver?.end()
  }

  #take(packet: ClientPacket): void {
    switch (packet.type) {
      case 'publish':
        this.#receiving().publish(packet)
        break
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        takeAcknowledgement(this.#client, this.#world, this.#answers, packet)
        this.sender.sendWaiting()
        this.#retained?.resume()
        break
      case 'pubrel':
        this.#receiving().release(packet.packetId)
        break
      case 'subscribe':
        this.#inTurn(this.#subscriptions().subscribe(packet, this.#answers.expect()))
        break
      case 'unsubscribe':
        this.#inTurn(this.#subscriptions().unsubscribe(packet, this.#answers.expect()))
        break
      case 'pingreq':
        this.#answers.atOnce(PINGRESP)
        break
      case 'disconnect':
        this.#client.disconnect(packet)
        break
      case 'connect':
        throw new ProtocolError(Reason.protocolError, 'sent a second CONNECT [MQTT-3.1.0-2]')
      case 'auth':
        throw new ProtocolError(
          Reason.protocolError,
          'sent an AUTH without an authentication method [MQTT-4.12.0-6]',
        )
    }
  }

  #receiving(): Receiver {
    this.#receiver ??= createReceiver(this.#client, this.#world, this.#answers)
    return this.#receiver
  }

  /** A new one for each packet, because it has no state. */
  #subscriptions(): SubscriptionHandler {
    return createSubscriptionHandler(this.#client, this.#world, (wanted) =>
      this.#sendRetained(wanted),
    )
  }

  #sendRetained(wanted: readonly Subscription[]): void {
    if (wanted.length === 0) return
    this.#retained ??= createRetainedSender(this.#client, this.#world, this.sender, () => {
      this.#retained = null
    })
    this.#retained.send(wanted)
  }

  /** Reads nothing more until `work` is done. */
  #inTurn(work: Promise<void>): void {
    const resume = this.#client.hold()
    work.then(resume, (error) => this.#client.failFor(error))
  }
}
