import { createHash } from 'node:crypto'
import type { KeyedRequest, Keys } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import { callerOf } from './caller.ts'
import type { Request } from './fastify.ts'
import { HEADERS } from './request-properties.ts'

const IDEMPOTENCY_KEY = 'idempotency-key'
/** The header that marks the stored answer of an earlier request. */
export const REPLAYED = 'idempotency-replayed'
const LONGEST_KEY = 255

/** A string (RFC 9651 §3.3.3), as in draft-ietf-httpapi-idempotency-key-header; or the same without quotes. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/
const PLAIN = /^[!#-+\--:<-[\]-~]+$/

/**
 * Begins the request with the key in `Idempotency-Key`; null where there is none. Throws a refusal where the key is invalid,
 * was used for a different request, or belongs to a request that is still running.
 */
export function beginKeyed(request: Request, keys: Keys): KeyedRequest | null {
  const header = request.headers[IDEMPOTENCY_KEY]
  if (header === undefined) return null
  const key = keyIn(String(header))
  const { identity } = callerOf(request)
  const begun = keys.take(identity.id, key, fingerprintOf(request))
  if (begun === 'reused')
    throw new GatewayError(
      'idempotency_key_reused',
      'This Idempotency-Key was used for another request. Use a new one for each request, and the same one only to repeat a request.',
    )
  if (begun === 'underway')
    throw new GatewayError(
      'idempotency_key_in_use',
      'The first request with this Idempotency-Key is still being processed.',
      { retryAfter: 1 },
    )
  return begun
}

function keyIn(header: string): string {
  const [, quoted] = QUOTED.exec(header) ?? []
  const key = quoted?.replaceAll(/\\(.)/g, '$1') ?? (PLAIN.test(header) ? header : '')
  if (key !== '' && key.length <= LONGEST_KEY) return key
  throw new GatewayError(
    'request_invalid',
    `Idempotency-Key must have 1 to ${LONGEST_KEY} ASCII characters, in quotes if there is a space, a comma, a semicolon, a quote or a backslash, such as "8e03978e-40d5-43dd-bc93-6894a57f9324".`,
  )
}

/** The parts by which requests differ: URL, body, and the headers that describe the body. */
function fingerprintOf({ originalUrl, headers, body }: Request): string {
  const headerValues = Object.values(HEADERS).map((name) => headers[name] ?? null)
  // the attributes of a CloudEvent; without any, the fingerprint is that of older gateways
  const event = Object.entries(headers).filter(([name]) => name.startsWith('ce-'))
  const hash = createHash('sha256').update(JSON.stringify([originalUrl, headerValues, ...event]))
  if (body instanceof Buffer) hash.update(body)
  return hash.digest('base64url')
}
