import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { MessageProperties, UserProperty } from '../topic/message.ts'
import { parseRfc3339, TIME_PROPERTY } from '../topic/time.ts'

/** The media type of one event as a JSON text, and that of several (CloudEvents JSON Event Format 1.0.2). */
const STRUCTURED = 'application/cloudevents+json'
export const BATCHED = 'application/cloudevents-batch+json'
/** The prefix of an attribute's name in a header (HTTP Protocol Binding 1.0.2 §3.1.3). */
const PREFIX = 'ce-'
// a literal: V8 keeps discarding optimized code that reads a header by a name joined at run time
const SPEC_VERSION = 'ce-specversion'

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const

/** The properties of the MQTT message of an event (MQTT Protocol Binding 1.0.2). */
export type EventProperties = Required<Pick<MessageProperties, 'userProperties'>> &
  Pick<MessageProperties, 'contentType'>

/**
 * Null where the request is not a CloudEvent; a refusal where the event is invalid. `contentType` is the header as it was sent.
 */
export function cloudEventIn(
  headers: IncomingHttpHeaders,
  contentType: string | undefined,
  body: Buffer,
): EventProperties | null | GatewayError {
  const essence = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (essence === STRUCTURED) return structured(contentType as string, body)
  if (essence.startsWith('application/cloudevents'))
    return new GatewayError(
      'unsupported_media_type',
      `Send one event as ${STRUCTURED}, or with its attributes in headers; ${essence} is not supported.`,
    )
  return headers[SPEC_VERSION] === undefined ? null : binary(headers, contentType)
}

/** The attributes are in headers, the data is the body. */
function binary(
  headers: IncomingHttpHeaders,
  contentType: string | undefined,
): EventProperties | GatewayError {
  const userProperties: UserProperty[] = []
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(PREFIX)) continue
    const name = header.slice(PREFIX.length)
    if (!/^[a-z0-9]+$/.test(name))
      return invalid(`the attribute name "${name}" must have lower-case letters and digits only`)
    const text = decoded(String(value))
    if (text === null) return invalid(`the attribute ${name} has a broken percent-escape`)
    userProperties.push([name, text])
  }
  const problem = attributeProblem(Object.fromEntries(userProperties))
  if (problem) return invalid(problem)
  return { userProperties, ...(contentType === undefined ? {} : { contentType }) }
}

/** Decodes a value (HTTP Protocol Binding §3.1.3.2): quoted, or percent-encoded; null where the encoding is invalid. */
function decoded(value: string): string | null {
  const [, quoted] = /^"(.*)"$/s.exec(value) ?? []
  try {
    return decodeURIComponent(quoted?.replaceAll(/\\(.)/gs, '$1') ?? value)
  } catch {
    return null
  }
}

/** The body is the whole event, and stays unchanged. */
function structured(contentType: string, body: Buffer): EventProperties | GatewayError {
  const event = isUtf8(body) ? parsed(body.toString('utf8')) : undefined
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    return invalid('the body is not a JSON object')
  const attributes = event as Readonly<Record<string, unknown>>
  const problem = attributeProblem(attributes)
  if (problem) return invalid(problem)
  const { time } = attributes
  // MQTT Protocol Binding §3.2.3 allows the properties of the binary mode beside the payload; the other attributes stay in it
  return { contentType, userProperties: typeof time === 'string' ? [[TIME_PROPERTY, time]] : [] }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What is wrong with an event, naming the attribute. */
function attributeProblem(attributes: Readonly<Record<string, unknown>>): string | null {
  for (const name of REQUIRED) {
    const value = attributes[name]
    if (value === undefined || value === '') return `the attribute ${name} is missing`
    if (typeof value !== 'string') return `the attribute ${name} must be a string`
  }
  const { specversion, time } = attributes
  if (specversion !== '1.0') return `the attribute specversion must be 1.0, not ${specversion}`
  if (time !== undefined && !isTime(time))
    return 'the attribute time must be a time such as 2026-11-24T08:00:00Z'
  return null
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !value.includes(' ') && !Number.isNaN(parseRfc3339(value))
}

function invalid(problem: string): GatewayError {
  return new GatewayError('cloud_event_invalid', `Not a valid CloudEvent: ${problem}.`)
}
