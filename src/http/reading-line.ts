// the global one is a getter, which takes time for each line
import { Buffer } from 'node:buffer'
import { GatewayError } from '../errors.ts'
import { fromBase64 } from '../net/base64.ts'
import type { Reading } from '../relay/relay.ts'
import { memberSource } from './json-source.ts'
import { NO_PROPERTIES, PROPERTY_NAMES, type PropertyFault, parseProperties } from './properties.ts'
import { parseReadingTime } from './publish-request.ts'

const OWN_MEMBERS = ['topic', 'payload', 'payloadBase64', 'qos', 'retain', 'time']
const MEMBERS = [...OWN_MEMBERS, ...PROPERTY_NAMES]

const SEVERAL = /\}\s*\{/

/** The reading in a line of NDJSON, or a refusal. */
export function readingIn(text: string): Reading | GatewayError {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    if (SEVERAL.test(text))
      return invalid(
        'The line has more than one JSON object: put each on a line of its own. With curl use --data-binary @FILE, because -d @FILE removes the line breaks.',
      )
    return invalid('Not valid JSON (with curl, use --data-binary).')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid('The line is not a JSON object.')
  let hasProperties = false
  for (const name of Object.keys(value)) {
    if (OWN_MEMBERS.includes(name)) continue
    if (!MEMBERS.includes(name))
      return invalid(`Unknown member "${name}"; the known members are ${MEMBERS.join(', ')}.`)
    hasProperties = true
  }
  const {
    topic,
    payload,
    payloadBase64,
    qos = 0,
    retain = false,
    time,
  } = value as Record<string, unknown>
  if (typeof topic !== 'string') return invalid('"topic" must be a string.')
  if (qos !== 0 && qos !== 1) return invalid('"qos" must be 0 or 1.')
  if (typeof retain !== 'boolean') return invalid('"retain" must be true or false.')
  if ((payload === undefined) === (payloadBase64 === undefined))
    return invalid('The line must have either "payload" or "payloadBase64".')
  const bytes = payload === undefined ? decoded(payloadBase64) : toBytes(payload, text)
  if (bytes instanceof GatewayError) return bytes
  const measured = time === undefined ? null : parseReadingTime(time)
  if (measured instanceof GatewayError) return measured
  const read = hasProperties ? parseProperties(value) : NO_PROPERTIES
  if ('problem' in read) return invalid(sentence(read))
  const { properties, messageExpiry } = read
  return { topic, payload: bytes, qos, retain, properties, messageExpiry, time: measured }
}

function sentence({ name, problem }: PropertyFault): string {
  return name === null ? `The MQTT properties ${problem}.` : `"${name}" ${problem}.`
}

/** A string is published as its text, any other value as JSON. */
function toBytes(payload: unknown, line: string): Buffer | GatewayError {
  if (typeof payload !== 'string') return Buffer.from(memberSource(line, 'payload') ?? '')
  return payload.isWellFormed() ? Buffer.from(payload) : invalid('"payload" must be valid Unicode.')
}

function decoded(payloadBase64: unknown): Buffer | GatewayError {
  const bytes = typeof payloadBase64 === 'string' ? fromBase64(payloadBase64) : null
  return bytes ?? invalid('"payloadBase64" must be base64.')
}

function invalid(detail: string): GatewayError {
  return new GatewayError('body_invalid', detail)
}
