import { GatewayError } from '../errors.ts'
import type { App, Request } from './fastify.ts'
import type { StreamRoutes } from './stream.ts'

/**
 * Refuses `GET /stream`, `GET /history` and an `EventSource` at `GET /topics/{filter}`, which need a process that keeps
 * running.
 */
export function notLiveRoutes(app: App): StreamRoutes {
  app.get('/stream', { config: { operation: 'openStream' } }, refuse)
  app.get('/history', { config: { operation: 'readHistory' } }, refuse)
  return { openOne: refuse }
}

async function refuse({ originalUrl }: Request): Promise<never> {
  const what = originalUrl.startsWith('/history') ? 'history' : 'streams'
  throw new GatewayError(
    'not_supported_here',
    `This gateway runs as a function that stops after each answer, so it has no ${what}. Use a gateway that runs all the time.`,
  )
}
