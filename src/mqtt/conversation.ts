import type { Subscription } from '../broker/session.ts'
import { createAnswers } from './answers.ts'
import type { Client, MqttWorld } from './client.ts'
import { decodePacket } from './decode.ts'
import { PINGRESP } from './encode.ts'
import type { ClientPacket, Disconnect } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { createReceiver, type Receiver } from './receive.ts'
import { createRetainedSender, type RetainedSender } from './retained-sender.ts'
import { createSender, type Sender } from './send.ts'
import { createStall } from './stall.ts'
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

export interface Hooks {
  onDisconnect(packet: Disconnect): void
  onError(error: unknown): void
}

export function createConversation(client: Client, world: MqttWorld, hooks: Hooks): Conversation {
  const { version } = client.terms
  const stall = createStall(client, world.stallMs)
  const answers = createAnswers(client, stall)
  const sender = createSender(client, world, answers, stall)
  // made when needed, because tens of thousands of clients only subscribe, or only publish
  let receiver: Receiver | null = null
  let retained: RetainedSender | null = null

  function receiving(): Receiver {
    receiver ??= createReceiver(client, world, answers)
    return receiver
  }

  /** A new one for each packet, because it has no state. */
  function subscriptions(): SubscriptionHandler {
    return createSubscriptionHandler(client, world, sendRetained)
  }

  function sendRetained(wanted: readonly Subscription[]): void {
    if (wanted.length === 0) return
    retained ??= createRetainedSender(client, world, sender)
    retained.send(wanted)
  }

  /** Reads nothing more until `work` is done. */
  function inTurn(work: Promise<void>): void {
    const resume = client.hold()
    work.then(resume, hooks.onError)
  }

  function take(packet: ClientPacket): void {
    switch (packet.type) {
      case 'publish':
        receiving().publish(packet)
        break
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        sender.acknowledged(packet)
        retained?.resume()
        break
      case 'pubrel':
        receiving().release(packet.packetId)
        break
      case 'subscribe':
        inTurn(subscriptions().subscribe(packet, answers.expect()))
        break
      case 'unsubscribe':
        inTurn(subscriptions().unsubscribe(packet, answers.expect()))
        break
      case 'pingreq':
        answers.atOnce(PINGRESP)
        break
      case 'disconnect':
        hooks.onDisconnect(packet)
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

  return {
    sender,
    handle: (firstByte, body) => take(decodePacket(firstByte, body, version)),
    taken() {
      stall.stop()
      answers.taken()
      sender.sendWaiting()
      retained?.resume()
    },
    end() {
      stall.stop()
      receiver?.end()
    },
  }
}
