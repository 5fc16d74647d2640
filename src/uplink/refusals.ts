import { type ErrorCode, GatewayError } from '../errors.ts'
import type { UplinkRefusal } from '../metrics/meter.ts'
import { propertiesByteLength } from '../topic/properties.ts'
import type { UplinkMessage } from './message.ts'
import { type ReasonPacket, reasonText } from './reason.ts'
import type { UplinkTerms } from './terms.ts'

/** Seconds after which a client may try again. */
const RETRY_AFTER = 2

/** Why a message is not taken, for the metrics and for its publisher. */
export interface RefusedMessage {
  readonly reason: UplinkRefusal
  readonly error: GatewayError
}

/** By the broker's reason code; what is not here says that the broker could not take the message now. */
const MEANINGS: Readonly<Record<number, readonly [UplinkRefusal, ErrorCode]>> = {
  135: ['denied', 'publish_denied'],
  144: ['invalid', 'topic_invalid'],
  149: ['too_large', 'payload_too_large'],
  151: ['quota', 'quota_exceeded'],
  153: ['invalid', 'body_invalid'],
  154: ['unsupported', 'request_invalid'],
  155: ['unsupported', 'request_invalid'],
}
const FAILED = ['failed', 'broker_unavailable'] as const

/** What the broker's acknowledgement of a message says that it refused. */
export function toRefusedMessage(answer: ReasonPacket, topic: string): RefusedMessage {
  const [reason, code] = MEANINGS[answer.reasonCode ?? 0] ?? FAILED
  const message = `The broker behind this gateway refused the message to ${topic}: ${reasonText(answer)}.`
  const passes = reason === 'quota' || reason === 'failed'
  const options = passes ? { retryAfter: RETRY_AFTER } : {}
  return { reason, error: new GatewayError(code, message, options) }
}

/** The broker is away, or takes nothing now. */
export function unavailable(
  reason: UplinkRefusal,
  why: string,
  retryAfter: number = RETRY_AFTER,
): RefusedMessage {
  const message = `The broker behind this gateway does not accept the message: ${why}.`
  const error = new GatewayError('broker_unavailable', message, { retryAfter })
  return { reason, error }
}

/** Why a broker on these terms must not be sent the message; null when it may [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]. */
export function termsProblem(
  { maximumQos, retainAvailable, maximumPacketSize }: UplinkTerms,
  message: UplinkMessage,
): RefusedMessage | null {
  const { qos, retain } = message
  if (qos > maximumQos) return unsupported(`QoS ${qos} (its highest is ${maximumQos})`)
  if (retain && !retainAvailable) return unsupported('retained messages')
  if (maximumPacketSize === null) return null
  const size = packetSize(message)
  if (size <= maximumPacketSize) return null
  const sentence = `The message has ${size} bytes as an MQTT packet; the broker behind this gateway accepts at most ${maximumPacketSize}.`
  return { reason: 'too_large', error: new GatewayError('payload_too_large', sentence) }
}

function unsupported(what: string): RefusedMessage {
  const sentence = `The broker behind this gateway does not accept ${what}.`
  return { reason: 'unsupported', error: new GatewayError('request_invalid', sentence) }
}

/** Bytes of the message as a PUBLISH of MQTT 5. */
function packetSize({ topic, payload, qos, properties, messageExpiry }: UplinkMessage): number {
  let propertyBytes = propertiesByteLength(properties) + (messageExpiry === null ? 0 : 5)
  // propertiesByteLength counts texts and user properties without their identifiers
  if (properties?.payloadFormatIndicator !== undefined) propertyBytes += 2
  if (properties?.contentType !== undefined) propertyBytes += 3
  if (properties?.responseTopic !== undefined) propertyBytes += 3
  if (properties?.correlationData !== undefined) propertyBytes += 3
  const rest =
    2 + Buffer.byteLength(topic) + (qos > 0 ? 2 : 0) + lengthBytes(propertyBytes) + propertyBytes
  return 1 + lengthBytes(rest + payload.length) + rest + payload.length
}

/** Bytes of a variable byte integer [MQTT 5 §1.5.5]. */
function lengthBytes(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
