import { createHash } from 'node:crypto'
import type { KeyedRequest, Keys } from '../../broker/broker.ts'
import type { Caller } from '../../caller.ts'
import { GatewayError } from '../../errors.ts'
import type { TopicTemplate } from '../../topic/template.ts'
import type { Turns } from '../../turns/turns.ts'
import { VERSION } from '../../version.ts'
import { callerOf } from '../caller.ts'
import type { App, Reply, Request } from '../fastify.ts'
import { REPLAYED } from '../idempotency.ts'
import { toGatewayError } from '../problem.ts'
import { takeAnyBody } from '../publish.ts'
import { publishEach } from '../publish-each.ts'
import type { PublishManyOptions } from '../publish-many.ts'
import {
  failureOf,
  partial,
  sendError,
  sendFailure,
  type WriteFailure,
  type WriteResult,
} from './answer.ts'
import { type InfluxVersion, precisionIn } from './query.ts'
import { type PointValues, readValues } from './values.ts'

export interface InfluxOptions extends PublishManyOptions {
  /** The template of topics, and whether messages on them are retained. */
  readonly influx: { readonly topic: TopicTemplate; readonly retain: boolean }
}

const MAX_BYTES = 1024 * 1024

const WRITES = [
  ['/api/v2/write', 'v2', 'influxWrite'],
  ['/write', 'v1', 'influxWriteV1'],
] as const

/** InfluxDB's line protocol at the paths that its clients use; the certificate says who writes. */
export function influxRoutes(app: App, options: InfluxOptions, turns: Pick<Turns, 'each'>): void {
  const write = createWrite(options, turns)
  for (const [path, version, operation] of WRITES)
    app.post(path, {
      config: { operation, decodesBody: true },
      bodyLimit: MAX_BYTES,
      onRequest: takeAnyBody,
      async onError(request, _reply, error) {
        if (toGatewayError(error).code !== 'payload_too_large') return
        const { door, identity } = callerOf(request)
        options.onTooLarge(door, identity.id, MAX_BYTES)
      },
      errorHandler(error, request, reply) {
        sendError(request, reply, toGatewayError(error, MAX_BYTES))
      },
      handler: (request, reply) => write(request, reply, version),
    })
  app.get('/ping', { config: { operation: 'influxPing' } }, async (_request, reply) =>
    reply.code(204).header('x-influxdb-version', VERSION).send(),
  )
  app.get('/health', { config: { operation: 'influxHealth' } }, async (_request, reply) => {
    const body = { name: 'wott-gateway', message: 'ready for writes', status: 'pass', checks: [] }
    return reply.header('cache-control', 'no-store').send({ ...body, version: VERSION })
  })
}

function createWrite({ relay, keys, meter, influx }: InfluxOptions, turns: Pick<Turns, 'each'>) {
  return async (request: Request, reply: Reply, version: InfluxVersion): Promise<Reply> => {
    const started = performance.now()
    const caller = callerOf(request)
    const precision = precisionIn(request.originalUrl, version)
    const { topic: template, retain } = influx
    const device = caller.identity.id
    const body = request.body as Buffer
    const read = await readValues(body, { device, template, retain, precision, turns })
    const keyed =
      read.isTimed && read.values.length > 0 ? begin(keys, device, body, precision) : null
    try {
      const known = keyed?.answer ?? null
      if (known !== null) {
        reply.header(REPLAYED, 'true')
        return sendResult(request, reply, JSON.parse(known))
      }
      const { result, failure } = await publish(caller, read, keyed)
      meter.publishTook(caller.door, (performance.now() - started) / 1000)
      if (failure) {
        sendError(request, reply, failure.error, failure)
        return reply
      }
      await keyed?.finish(JSON.stringify(result))
      return sendResult(request, reply, result)
    } finally {
      keyed?.release()
    }
  }

  async function publish(
    caller: Caller,
    { values }: PointValues,
    keyed: KeyedRequest | null,
  ): Promise<{ result: WriteResult; failure: WriteFailure | null }> {
    const numbered = values.map(({ reading }, index) => [index + 1, reading] as const)
    const outcome = await publishEach(numbered, {
      turns,
      device: caller.identity.id,
      keyed,
      publish: (reading, keyedLine, received) =>
        reading instanceof GatewayError
          ? relay.refuse(caller, reading)
          : relay.publish(caller, keyedLine ? { ...reading, keyedLine } : reading, received),
    })
    const lines = values.map(({ line }) => line)
    const lineOf = ({ line }: { line: number }) => lines[line - 1] as number
    const refused = outcome.refused.map((one) => ({
      line: lineOf(one),
      code: one.refusal.code,
      detail: one.refusal.message,
    }))
    const result = { accepted: outcome.accepted, refused: refused.slice(0, 1) }
    return { result, failure: failureOf(outcome, lineOf) }
  }
}

/**
 * InfluxDB stores a point that is written twice only once, and its clients repeat a whole request after a 429 or 503. So a
 * repeat with the same lines and times publishes only the values that are not published yet.
 */
function begin(keys: Keys, device: string, body: Buffer, precision: bigint): KeyedRequest {
  const hash = createHash('sha256').update(`${precision}\n`).update(body).digest('base64url')
  const begun = keys.take(device, `line protocol ${hash}`, hash)
  if (typeof begun === 'object') return begun
  throw new GatewayError(
    'broker_unavailable',
    'A request with the same lines is still being processed.',
    {
      retryAfter: 1,
    },
  )
}

function sendResult(request: Request, reply: Reply, { accepted, refused }: WriteResult): Reply {
  const [first] = refused
  if (!first) return reply.code(204).send()
  sendFailure(request, reply, 400, {
    message: accepted > 0 ? partial(accepted, first.detail) : first.detail,
    line: first.line,
  })
  return reply
}
