import type { Arrival } from '../broker/session.ts'
import type { GatewayError } from '../errors.ts'
import type { Outcome, Publisher } from '../relay/relay.ts'
import { createTopicResolver } from './aliases.ts'
import type { Answers } from './answers.ts'
import type { Client, MqttWorld } from './client.ts'
import { acknowledgementPacket } from './encode.ts'
import type { Publish } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { PASSING_REFUSALS, REFUSAL_CODES } from './refusal-codes.ts'

/** Takes what one client publishes. */
export interface Receiver {
  publish(packet: Publish): void
  /** PUBREL came. */
  release(packetId: number): void
  /** The connection has ended. */
  end(): void
}

/** Messages and bytes of one client that may be on their way into the broker before its next packet is read; others need the same commits. */
const MAX_UNDERWAY = 200
const MAX_UNDERWAY_BYTES = 256 * 1024
const FAILURE = 0x80
/** Characters of a reason string. */
const LONGEST_STRING = 400

export function createReceiver(client: Client, world: MqttWorld, answers: Answers): Receiver {
  const { identity, door, session, access, terms, holds } = client
  const { sessions, relay, meter, settings } = world
  const { version } = terms
  const topicOf =
    version === 5
      ? createTopicResolver(settings.topicAliasMaximum, holds.alias)
      : ({ topic }: Publish) => topic
  const publisher: Publisher = { identity, door, access, origin: { session, arrival: null } }
  const inOrder = (bytes: Buffer) => answers.inOrder(bytes)
  // packet identifiers of QoS 1 and 2 that are not acknowledged to an MQTT 5 client yet: what Receive Maximum counts
  const open = new Set<number>()
  let underway = 0
  let underwayBytes = 0
  let resume: (() => void) | null = null
  // of the one message that waits for the publish rate
  let leaveLine: (() => void) | null = null

  function publish(packet: Publish): void {
    const topic = topicOf(packet)
    const whole = topic === packet.topic ? packet : { ...packet, topic }
    if (packet.qos > sessions.abilities.maximumQos)
      throw new ProtocolError(
        Reason.qosNotSupported,
        `published with QoS ${packet.qos}; in front of another broker the highest is ${sessions.abilities.maximumQos} [MQTT-3.2.2-11]`,
      )
    if (packet.qos > 0 && version === 5) count(packet)
    const known = packet.qos === 2 ? session.arrivals.get(packet.packetId) : undefined
    if (known) repeat(whole, known)
    else admit(whole)
  }

  function count({ packetId }: Publish): void {
    open.add(packetId)
    if (open.size > settings.receiveMaximum)
      throw new ProtocolError(
        Reason.receiveMaximumExceeded,
        `sent more than ${settings.receiveMaximum} QoS 1 and 2 messages at once [MQTT-3.3.4-9]`,
      )
  }

  /** Waits while the device exceeds its publish rate: nothing more is read, and nothing is lost. */
  function admit(packet: Publish): void {
    leaveLine = relay.admit(identity.id, packet, go)
    if (leaveLine === null) {
      take(packet)
      return
    }
    meter.publishDelayed(door)
    const resume = client.hold()
    function go(): void {
      leaveLine = null
      take(packet)
      resume()
    }
  }

  function take(packet: Publish): void {
    if (packet.qos === 2) {
      takeExactlyOnce(packet)
      return
    }
    const outcome = relay.publish(publisher, packet)
    if (!(outcome instanceof Promise)) conclude(packet, outcome, inOrder)
    else settle(packet, outcome, packet.qos === 0 ? nothing : answers.expect())
  }

  function takeExactlyOnce(packet: Publish): void {
    const arrival = sessions.arrive(session, packet.packetId)
    if (!arrival) {
      client.fail(
        new ProtocolError(
          Reason.receiveMaximumExceeded,
          'has too many QoS 2 messages without a PUBREL for one device',
        ),
      )
      return
    }
    const answer = answers.expect()
    const outcome = Promise.resolve(
      relay.publish({ ...publisher, origin: { session, arrival } }, packet),
    )
    // a message that was refused counts as new when it comes again
    const forget = () => sessions.forget(session, arrival)
    arrival.stored = outcome
      .then((refusal) => (refusal ? forget() : undefined), forget)
      .finally(() => {
        arrival.stored = null
      })
    settle(packet, outcome, answer)
  }

  /** A DUP is neither authorised nor counted again, and acknowledged only once the first is stored [MQTT-4.3.3-10]. */
  function repeat(packet: Publish, arrival: Arrival): void {
    const resume = client.hold()
    Promise.resolve(arrival.stored)
      .then(() => {
        if (!client.isOpen()) return
        if (session.arrivals.get(packet.packetId) === arrival)
          answers.inOrder(acknowledgement(packet, Reason.success))
        else admit(packet)
        resume()
      })
      .catch(cannotServe)
  }

  function settle(
    packet: Publish,
    outcome: Promise<Outcome>,
    answer: (bytes: Buffer) => void,
  ): void {
    const bytes = packet.payload.length
    underway += 1
    underwayBytes += bytes
    const hasRoom =
      holds.publish.resize(underwayBytes) &&
      underway < MAX_UNDERWAY &&
      underwayBytes < MAX_UNDERWAY_BYTES
    if (!hasRoom) resume ??= client.hold()
    outcome
      .then((refusal) => conclude(packet, refusal, answer))
      .catch(cannotServe)
      .finally(() => {
        underway -= 1
        underwayBytes -= bytes
        holds.publish.resize(underwayBytes)
        if (underway > MAX_UNDERWAY / 2 || underwayBytes > MAX_UNDERWAY_BYTES / 2) return
        resume?.()
        resume = null
      })
  }

  function cannotServe(): void {
    client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be served'))
  }

  function conclude(packet: Publish, refusal: Outcome, answer: (bytes: Buffer) => void): void {
    if (refusal) noteRefusal(refusal)
    const reason = reasonFor(packet, refusal)
    if (reason !== null && packet.qos > 0) answer(acknowledgement(packet, reason, refusal))
  }

  /** Denials and a failing store are logged elsewhere. */
  function noteRefusal({ code, message }: GatewayError): void {
    if (code === 'publish_denied' || code === 'broker_unavailable') return
    world.logLimited(`refused\0${code}\0${session.client}`, (repeated) =>
      world.log.warn(
        { device: session.device, client: session.clientId, door, reason: message, ...repeated },
        'refused an MQTT message',
      ),
    )
  }

  /** The reason code of the acknowledgement; null where the connection ends instead. */
  function reasonFor({ qos, topic }: Publish, refusal: Outcome): number | null {
    if (refusal === null)
      return version < 5 || qos === 0 || sessions.isHeard(topic)
        ? Reason.success
        : Reason.noMatchingSubscribers
    const reason = REFUSAL_CODES[refusal.code] ?? Reason.implementationSpecificError
    if (refusal.code === 'topic_invalid' || (qos === 0 && refusal.code === 'body_invalid')) {
      client.fail(
        new ProtocolError(reason, `published a message that is refused: ${refusal.message}`),
      )
      return null
    }
    if (version === 5) return reason
    // an acknowledgement would say that it is stored, and MQTT 3 has no other answer
    if (PASSING_REFUSALS.has(refusal.code) && qos > 0) {
      client.fail(new ProtocolError(reason, `cannot be served: ${refusal.message}`))
      return null
    }
    // dropped and acknowledged, as with Mosquitto
    return Reason.success
  }

  function acknowledgement(
    { qos, packetId }: Publish,
    reason: number,
    refusal: Outcome = null,
  ): Buffer {
    if (qos === 1 || reason >= FAILURE) open.delete(packetId)
    const type = qos === 1 ? 'puback' : 'pubrec'
    return acknowledgementPacket(version, type, packetId, reason, stringOf(refusal))
  }

  function stringOf(refusal: Outcome): string | undefined {
    if (refusal === null || !terms.wantsReasons) return undefined
    // a topic can have 64 KiB
    return refusal.message.length <= LONGEST_STRING ? refusal.message : undefined
  }

  function release(packetId: number): void {
    const answer = answers.expect()
    const arrival = session.arrivals.get(packetId)
    const complete = (reason: number) => {
      open.delete(packetId)
      answer(acknowledgementPacket(version, 'pubcomp', packetId, reason))
    }
    if (!arrival) {
      complete(Reason.packetIdentifierNotFound)
      return
    }
    sessions.leave(session, arrival).then(
      () => complete(Reason.success),
      () => client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be sent PUBCOMP')),
    )
  }

  return { publish, release, end: () => leaveLine?.() }
}

function nothing(): void {}
