import Fastify, { type FastifyInstance } from 'fastify'
import type { Metrics } from '../metrics/prometheus.ts'
import { APP_OPTIONS, type App, answerWithProblems } from './app.ts'

/** What is checked, and what is wrong with it; null when nothing is. */
export type Checks = Record<string, string | null>

export interface OpsDoorOptions {
  readonly metrics: Metrics
  /** What has to be right before traffic is sent here. */
  readiness(): Checks
}

/** `/metrics` for Prometheus, `/livez` and `/readyz` for orchestrators, in plain HTTP for the machine itself. */
export function createOpsDoor({ metrics, readiness }: OpsDoorOptions): FastifyInstance {
  const app = Fastify({ ...APP_OPTIONS, exposeHeadRoutes: true })
  answerWithProblems(app as unknown as App)
  // one for all that ask while it is made
  let rendering: Promise<string> | undefined
  app.get('/metrics', { config: { operation: 'getMetrics' } }, async (_request, reply) => {
    rendering ??= metrics.text().finally(() => {
      rendering = undefined
    })
    return reply.type(metrics.contentType).send(await rendering)
  })
  // that it is answered at all is the check
  app.get('/livez', { config: { operation: 'getLiveness' } }, async () =>
    health({ event_loop: null }),
  )
  app.get('/readyz', { config: { operation: 'getReadiness' } }, async (_request, reply) => {
    const state = health(readiness())
    return reply.code(state.status === 'ok' ? 200 : 503).send(state)
  })
  return app
}

function health(checks: Checks): { status: 'ok' | 'failing'; checks: Record<string, string> } {
  const states = Object.entries(checks).map(([name, problem]) => [name, problem ?? 'ok'])
  return {
    status: Object.values(checks).every((problem) => problem === null) ? 'ok' : 'failing',
    checks: Object.fromEntries(states),
  }
}
