import type { KeyedLine, KeyedRequest, Keys } from '../broker/broker.ts'
import type { Commands } from '../commands/commands.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Reports } from '../metrics/reports.ts'
import type { Outcome, Relay } from '../relay/relay.ts'
import { sendProblem } from './app.ts'
import { callerOf } from './caller.ts'
import type { App, Request } from './fastify.ts'
import { beginKeyed, REPLAYED } from './idempotency.ts'
import type { AnswerOf, AnswerSchema } from './json-answer.ts'
import { PICKED_UP, pickUp, pickUpIn } from './pick-up.ts'
import { toGatewayError } from './problem.ts'
import { PUBLISH } from './publish-query.ts'
import { PUBLISH_PREFIX, toReading, toTarget } from './publish-request.ts'
import { queryValues } from './query-schema.ts'

export interface PublishOptions {
  readonly relay: Pick<Relay, 'publish'>
  readonly keys: Keys
  readonly commands: Commands
  readonly meter: Meter
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
  /** Called for each device whose body or payload is larger than the limit, in bytes. */
  onTooLarge(door: Door, id: string, limit: number): void
}

/** Logs that a body or payload of a device is larger than the limit. */
export function createTooLargeLog({ warn }: Pick<Reports, 'warn'>): PublishOptions['onTooLarge'] {
  return (door, id, limit) =>
    warn(`large\0${id}`, { door, device: id, limit }, 'refused a payload that is too large')
}

/** The answer of `POST /topics/{topic}`. */
export const PUBLISHED = {
  type: 'object',
  description: 'The answer of AWS IoT.',
  required: ['message', 'traceId'],
  properties: {
    message: { type: 'string', enum: ['OK'] },
    traceId: { type: 'string', description: 'Also in the header `x-request-id`.' },
    ...PICKED_UP,
  },
} as const satisfies AnswerSchema

/** `POST /topics/{topic}`: one reading, byte for byte. */
export function publishRoute(
  app: App,
  { relay, keys, commands, meter, maxPayloadBytes, onTooLarge }: PublishOptions,
): void {
  app.post(`${PUBLISH_PREFIX}*`, {
    config: { operation: 'publish', decodesBody: true },
    schema: { querystring: PUBLISH },
    bodyLimit: maxPayloadBytes,
    onRequest: takeAnyBody,
    async onError(request, _reply, error) {
      const { code } = toGatewayError(error)
      // the relay counts the requests that reach it
      if (code === 'internal_error') return
      const { door, identity } = callerOf(request)
      const isTooLarge = code === 'payload_too_large'
      if (isTooLarge) onTooLarge(door, identity.id, maxPayloadBytes)
      meter.published(door, 0, isTooLarge ? 'too_large' : 'invalid')
    },
    async handler(request, reply) {
      const started = performance.now()
      const caller = callerOf(request)
      const query = queryValues(request, PUBLISH)
      const target = toTarget(request.originalUrl, query)
      if (target instanceof GatewayError) throw target
      const reading = toReading(target, {
        headers: request.headers,
        contentType: sentType(request),
        body: request.body as Buffer,
      })
      if (reading instanceof GatewayError) throw reading
      const asked = pickUpIn(query, request.headers, commands)
      const keyed = beginKeyed(request, keys)
      const refused = await (keyed
        ? publishOnce(keyed, (keyedLine) => relay.publish(caller, { ...reading, keyedLine }))
        : relay.publish(caller, reading))
      meter.publishTook(caller.door, (performance.now() - started) / 1000)
      if (refused === 'published before') reply.header(REPLAYED, 'true')
      else if (refused) return sendProblem(request, reply, refused)
      const more = await pickUp(commands, caller, reply, asked)
      const answer: AnswerOf<typeof PUBLISHED> = { message: 'OK', traceId: request.id, ...more }
      return reply.type('application/json').send(JSON.stringify(answer))
    },
  })
}

/**
 * Takes the body as the payload, whatever its content type. Otherwise Fastify refuses content types that it cannot parse, and
 * ignores an HTTP/2 body without `content-type` and `content-length`.
 */
export function takeAnyBody(request: Request, _reply: unknown, done: () => void): void {
  request.headers['content-type'] = 'application/octet-stream'
  done()
}

/** The content type that the client sent, before `takeAnyBody` changed it. */
function sentType({ raw: { rawHeaders } }: Request): string | undefined {
  const at = rawHeaders.findIndex(
    (text, index) => index % 2 === 0 && text.toLowerCase() === 'content-type',
  )
  return at === -1 ? undefined : rawHeaders[at + 1]
}

/** The line number of the reading in a request with a single one. */
const LINE = 1

async function publishOnce(
  keyed: KeyedRequest,
  publish: (keyedLine: KeyedLine) => Outcome | Promise<Outcome>,
): Promise<Outcome | 'published before'> {
  try {
    if (keyed.isPublished(LINE)) return 'published before'
    const refused = await publish(keyed.line(LINE))
    if (!refused) keyed.published(LINE)
    return refused
  } finally {
    keyed.release()
  }
}
