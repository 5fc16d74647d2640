import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../errors.ts'
import type { Caller, Reading, Relay } from '../relay/relay.ts'
import type { Turns } from '../turns.ts'
import type { App, Request } from './app.ts'
import { fromBase64 } from './base64.ts'
import { callerOf } from './caller.ts'
import { toGatewayError } from './problem.ts'
import { PROPERTY_NAMES, type PropertyFault, readProperties } from './properties.ts'
import { type PublishOptions, readTime, takeAnyBody } from './publish.ts'

export const MAX_LINES = 1000
/** Empty lines included. */
const MAX_LINE_FEEDS = 10 * MAX_LINES
const MAX_BYTES = 1024 * 1024
export const NDJSON = 'application/x-ndjson'

interface Refused {
  readonly line: number
  readonly code: string
  readonly detail: string
}

export interface PublishManyOptions extends Pick<PublishOptions, 'onTooLarge'> {
  readonly relay: Pick<Relay, 'publish' | 'refuse'>
}

/** `POST /topics`: one reading a line; a bad line is reported and sinks no other. */
export function publishManyRoute(
  app: App,
  { relay, onTooLarge }: PublishManyOptions,
  turns: Pick<Turns, 'each'>,
): void {
  app.post('/topics', {
    config: { operation: 'publishMany' },
    bodyLimit: MAX_BYTES,
    onRequest: [mustBeNdjson, takeAnyBody],
    async onError(request, _reply, error) {
      if (toGatewayError(error).code !== 'payload_too_large') return
      const { door, identity } = callerOf(request)
      onTooLarge(door, identity.id, MAX_BYTES)
    },
    async handler(request, reply) {
      const lines = linesOf(request.body as Buffer)
      const caller = callerOf(request)
      // none waits for another, so that a thousand QoS 1 lines share the store's commits; the calls keep the lines' order
      const publishing: Promise<Refused | null>[] = []
      await turns.each(caller.identity.id, lines, ([line, text]) => {
        const outcome = publishLine(caller, line, text, relay)
        // heard below, once all lines are read
        outcome.catch(() => {})
        publishing.push(outcome)
      })
      const outcomes = await Promise.all(publishing)
      const refused = outcomes.filter((outcome) => outcome !== null)
      return reply
        .type('application/json')
        .send(JSON.stringify({ accepted: outcomes.length - refused.length, refused }))
    },
  })
}

async function mustBeNdjson(request: Request): Promise<void> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== NDJSON)
    throw new GatewayError(
      'unsupported_media_type',
      `Send many readings as ${NDJSON}, one JSON object a line; one reading goes to /topics/{topic}.`,
    )
}

function linesOf(body: Buffer): [line: number, text: string][] {
  if (!isUtf8(body)) throw new GatewayError('body_invalid', 'The body is no UTF-8.')
  const lines: [line: number, text: string][] = []
  // a body of line feeds alone has a million
  for (const [index, line] of body.toString('utf8').split('\n', MAX_LINE_FEEDS).entries()) {
    if (index === MAX_LINE_FEEDS - 1) throw tooManyLines()
    const text = line.trim()
    if (text === '') continue
    if (lines.length === MAX_LINES) throw tooManyLines()
    lines.push([index + 1, text])
  }
  return lines
}

function tooManyLines(): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The body has more lines than the ${MAX_LINES} that are allowed.`,
  )
}

async function publishLine(
  caller: Caller,
  line: number,
  text: string,
  relay: Pick<Relay, 'publish' | 'refuse'>,
): Promise<Refused | null> {
  const reading = toReading(text)
  const refused =
    reading instanceof GatewayError
      ? relay.refuse(caller, reading)
      : await relay.publish(caller, reading)
  return refused && { line, code: refused.code, detail: refused.message }
}

const MEMBERS = ['topic', 'payload', 'payloadBase64', 'qos', 'retain', 'time', ...PROPERTY_NAMES]

function toReading(text: string): Reading | GatewayError {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return invalid('The line is no JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid('The line is no JSON object.')
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined)
    return invalid(`There is no member "${unknown}"; known are ${MEMBERS.join(', ')}.`)
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
  const bytes = toBytes(typeof payload === 'number' ? asWritten(text) : payload, payloadBase64)
  if (bytes instanceof GatewayError) return bytes
  const measured = time === undefined ? null : readTime(time)
  if (measured instanceof GatewayError) return measured
  const read = readProperties(value)
  if ('problem' in read) return invalid(sentence(read))
  const { properties, messageExpiry } = read
  return { topic, payload: bytes, qos, retain, properties, messageExpiry, time: measured }
}

function sentence({ name, problem }: PropertyFault): string {
  return name === null ? `The MQTT properties ${problem}.` : `"${name}" ${problem}.`
}

/** `{"payload":21.50}` means the text 21.50; a JavaScript number would lose that zero, and the end of a long serial number. */
function asWritten(line: string): unknown {
  const { payload } = JSON.parse(line, (name, value, context?: { source: string }) =>
    name === 'payload' ? context?.source : value,
  )
  return payload
}

function toBytes(payload: unknown, payloadBase64: unknown): Buffer | GatewayError {
  if (payload !== undefined) {
    if (typeof payload === 'string' && payload.isWellFormed()) return Buffer.from(payload)
    return invalid('"payload" must be a string or a number.')
  }
  const bytes = typeof payloadBase64 === 'string' ? fromBase64(payloadBase64) : null
  return bytes ?? invalid('"payloadBase64" must be base64.')
}

function invalid(detail: string): GatewayError {
  return new GatewayError('body_invalid', detail)
}
