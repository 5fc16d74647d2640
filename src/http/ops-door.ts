import type { ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Exposition } from '../metrics/prometheus.ts'
import { APP_OPTIONS, answerErrors, sendProblem } from './app.ts'
import { type HttpSettings, headerDeadlines, watchDeadlines } from './deadlines.ts'
import type { App } from './fastify.ts'
import { requestProblem } from './framing.ts'
import type { AnswerOf, AnswerSchema } from './json-answer.ts'
import { problemAnswer, requestTimeout } from './problem.ts'
import { createTraceId } from './trace-id.ts'

/** Each check, with what is wrong; null when nothing is. */
export type Checks = Record<string, string | null>

export interface OpsDoorOptions {
  readonly metrics: Exposition
  /** The name of the door in the metrics. */
  readonly door: Extract<Door, 'ops' | 'enrol-ops'>
  readonly settings: HttpSettings
  /** Called for each request. */
  readonly onRequest?: (request: Pick<FastifyRequest, 'headers'>) => void
  /** The checks that must pass before traffic is sent here. */
  readiness(): Checks
  /** Faults that are no reason to send traffic elsewhere; the same answer lists them. */
  degradation(): Readonly<Record<string, readonly (string | null)[]>>
}

/** The answer of `/livez` and `/readyz`. */
export const HEALTH = {
  type: 'object',
  description: 'Each check by its name: `ok`, or what is wrong.',
  required: ['status', 'checks'],
  properties: {
    status: { type: 'string', enum: ['ok', 'degraded', 'failing'] },
    checks: { type: 'object', additionalProperties: { type: 'string' } },
  },
} as const satisfies AnswerSchema

/** `/metrics` for Prometheus, and `/livez` and `/readyz` for orchestrators, over plain HTTP for this machine. */
export function createOpsDoor(options: OpsDoorOptions): FastifyInstance {
  const { metrics, door, settings, readiness, degradation } = options
  const app = Fastify({
    ...APP_OPTIONS,
    exposeHeadRoutes: true,
    http: headerDeadlines(settings),
  })
  watchDeadlines(app.server, {
    settings,
    refuse: (_request, response) => refuse(response as unknown as ServerResponse, requestTimeout()),
    onCut: (reason) => metrics.meter.connectionCut(door, reason),
  })
  answerErrors(app as unknown as App)
  app.addHook('onRequest', async (request, reply) => {
    options.onRequest?.(request)
    const problem =
      requestProblem(request.raw as never) ?? hostProblem(request.headers.host, settings.opsHosts)
    if (!problem) return
    // the following bytes may be the request's body
    reply.header('connection', 'close')
    sendProblem(request as never, reply as never, problem)
    return reply
  })
  // requests that arrive while it is rendered share the result
  let rendering: Promise<string> | undefined
  app.get('/metrics', { config: { operation: 'getMetrics' } }, async (_request, reply) => {
    rendering ??= metrics.text().finally(() => {
      rendering = undefined
    })
    return reply.type(metrics.contentType).send(await rendering)
  })
  // a process that answers is alive
  app.get('/livez', { config: { operation: 'getLiveness' } }, async () =>
    health({ event_loop: null }),
  )
  app.get('/readyz', { config: { operation: 'getReadiness' } }, async (_request, reply) => {
    const state = health(readiness(), joined(degradation()))
    return reply.code(state.status === 'failing' ? 503 : 200).send(state)
  })
  return app
}

/**
 * Stops DNS rebinding: a web page whose own name is made to resolve to this machine would count as the same origin, and could
 * read everything here. The attack needs a name with a dot, so IP addresses and names without a dot are allowed.
 */
function hostProblem(host: string | undefined, names: readonly string[] = []): GatewayError | null {
  if (host === undefined) return null
  const name = host.replace(/:\d*$/, '').toLowerCase()
  if (isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return null
  if (!name.includes('.') || names.includes(name)) return null
  return new GatewayError(
    'origin_denied',
    `The ops door does not accept the host name "${name}"; if it should, add the name to WOTT_OPS_HOSTS.`,
  )
}

function refuse(response: ServerResponse, error: GatewayError): void {
  const { headers, body } = problemAnswer(error, createTraceId())
  response.writeHead(error.status, { ...headers, connection: 'close' }).end(body)
}

function joined(problems: ReturnType<OpsDoorOptions['degradation']>): Checks {
  return Object.fromEntries(
    Object.entries(problems).map(([name, several]) => [
      name,
      several.filter((problem) => problem !== null).join('; ') || null,
    ]),
  )
}

type Health = AnswerOf<typeof HEALTH>

function health(required: Checks, others: Checks = {}): Health {
  const names = new Set([...Object.keys(required), ...Object.keys(others)])
  const checks = [...names].map((name) => [name, required[name] ?? others[name] ?? 'ok'])
  return { status: statusOf(required, others), checks: Object.fromEntries(checks) }
}

function statusOf(required: Checks, others: Checks): Health['status'] {
  const isWrong = (checks: Checks) => Object.values(checks).some((problem) => problem !== null)
  return isWrong(required) ? 'failing' : isWrong(others) ? 'degraded' : 'ok'
}
