import { type ErrorCode, GatewayError } from '../errors.ts'
import { propertiesByteLength } from '../topic/properties.ts'
import { type Answer, reasonOf } from './reason.ts'
import type { Terms } from './terms.ts'
import type { UplinkMessage } from './uplink.ts'

/** Seconds after which a client may try again. */
const RETRY_AFTER = 2

/** By reason code; what is not here says that the broker could not take the message now. */
const MEANINGS: Readonly<Record<number, ErrorCode>> = {
  135: 'publish_denied',
  144: 'topic_invalid',
  149: 'payload_too_large',
  151: 'quota_exceeded',
  153: 'body_invalid',
  154: 'request_invalid',
  155: 'request_invalid',
}
const PASSING: ReadonlySet<ErrorCode> = new Set(['quota_exceeded', 'broker_unavailable'])

/** What the acknowledgement of a message says that the broker refused. */
export function refusalOf(answer: Answer, topic: string): GatewayError {
  const code = MEANINGS[answer.reasonCode ?? 0] ?? 'broker_unavailable'
  const message = `The broker behind this gateway refused the message to ${topic}: ${reasonOf(answer)}.`
  return new GatewayError(code, message, PASSING.has(code) ? { retryAfter: RETRY_AFTER } : {})
}

/** The broker is away, or takes nothing now. */
export function unavailable(reason: string): GatewayError {
  return new GatewayError(
    'broker_unavailable',
    `The broker behind this gateway does not take the message: ${reason}.`,
    { retryAfter: RETRY_AFTER },
  )
}

/** Why a broker on these terms must not be sent the message; null when it may [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]. */
export function termsProblem(terms: Terms, message: UplinkMessage): GatewayError | null {
  const { maximumQos, retainAvailable, maximumPacketSize } = terms
  if (message.qos > maximumQos)
    return new GatewayError(
      'request_invalid',
      `The broker behind this gateway takes no QoS ${message.qos}; its highest is ${maximumQos}.`,
    )
  if (message.retain && !retainAvailable)
    return new GatewayError(
      'request_invalid',
      'The broker behind this gateway takes no retained messages.',
    )
  if (maximumPacketSize === null) return null
  const size = packetSize(message)
  if (size <= maximumPacketSize) return null
  return new GatewayError(
    'payload_too_large',
    `The message has ${size} bytes as an MQTT packet; the broker behind this gateway takes at most ${maximumPacketSize}.`,
  )
}

/** Bytes of the message as a PUBLISH of MQTT 5. */
export function packetSize({
  topic,
  payload,
  qos,
  properties,
  messageExpiry,
}: UplinkMessage): number {
  let said = propertiesByteLength(properties) + (messageExpiry === null ? 0 : 5)
  // propertiesByteLength counts texts and user properties without their identifiers
  if (properties?.payloadFormatIndicator !== undefined) said += 2
  if (properties?.contentType !== undefined) said += 3
  if (properties?.responseTopic !== undefined) said += 3
  if (properties?.correlationData !== undefined) said += 3
  const rest = 2 + Buffer.byteLength(topic) + (qos > 0 ? 2 : 0) + lengthBytes(said) + said
  return 1 + lengthBytes(rest + payload.length) + rest + payload.length
}

/** Bytes of a variable byte integer [MQTT 5 §1.5.5]. */
function lengthBytes(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
