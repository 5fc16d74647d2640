import type { GatewayError } from '../errors.ts'
import { Reason } from './reasons.ts'

/** The reason code of a refusal in PUBACK, PUBREC [MQTT 5 §3.4.2.1] or DISCONNECT. */
export const REFUSAL_CODES: Partial<Record<GatewayError['code'], number>> = {
  topic_invalid: Reason.topicNameInvalid,
  body_invalid: Reason.payloadFormatInvalid,
  payload_too_large: Reason.quotaExceeded,
  publish_denied: Reason.notAuthorized,
  quota_exceeded: Reason.quotaExceeded,
}

/** Refusals after which the client should send the message again. */
export const PASSING_REFUSALS: ReadonlySet<GatewayError['code']> = new Set([
  'broker_unavailable',
  'quota_exceeded',
])
