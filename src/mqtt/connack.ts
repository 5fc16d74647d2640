import type { MqttWorld } from './client.ts'
import { connackPacket } from './encode.ts'
import type { Version } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { type Terms, toConnackProperties } from './terms.ts'

/** The CONNACK of a client that is let in on these terms. */
export function toConnack(
  terms: Terms,
  { settings, sessions, limits }: Pick<MqttWorld, 'settings' | 'sessions' | 'limits'>,
  sessionPresent: boolean,
): Buffer {
  const { packetBytes } = limits
  const properties = toConnackProperties(terms, settings, sessions.abilities, packetBytes)
  return connackPacket(terms.version, { reason: Reason.success, sessionPresent, properties })
}

/**
 * Throws a ProtocolError where CONNACK is larger than the packets that the client takes. Every other packet that has to be
 * sent has fewer bytes, or as many as the client makes it have.
 */
export function checkConnackSize(terms: Terms, world: MqttWorld): void {
  const { maximumPacketSize } = terms
  const { length } = toConnack(terms, world, false)
  if (length > maximumPacketSize)
    throw new ProtocolError(
      Reason.packetTooLarge,
      `accepts packets of at most ${maximumPacketSize} bytes, but its CONNACK has ${length} [MQTT-3.1.2-24]`,
    )
}

/** Refusals that clients before MQTT 5 have a return code for. */
const WITH_RETURN_CODE: ReadonlySet<number> = new Set([
  Reason.unsupportedProtocolVersion,
  Reason.clientIdentifierNotValid,
  Reason.serverUnavailable,
  Reason.quotaExceeded,
  Reason.qosNotSupported,
])

/** The CONNACK of a client that is not let in, with at most `mostBytes`; null where it can be told nothing. */
export function toRefusal(
  version: Version,
  { reason, message }: ProtocolError,
  mostBytes: number,
): Buffer | null {
  if (version < 5 && !WITH_RETURN_CODE.has(reason)) return null
  // whatever Request Problem Information says [MQTT-3.1.2-29], where there is room [MQTT-3.2.2-19]
  const packets = [{ reasonString: asSentence(message) }, {}].map((properties) =>
    connackPacket(version, { reason, sessionPresent: false, properties }),
  )
  return packets.find(({ length }) => length <= mostBytes) ?? null
}

/** Makes the end of a sentence about a client a sentence. */
export function asSentence(message: string): string {
  return `The client ${message.replace(/\.$/, '')}.`
}
