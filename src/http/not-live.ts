import { GatewayError } from '../errors.ts'
import type { App, Request } from './fastify.ts'
import type { StreamRoutes } from './stream.ts'

/** `GET /stream`, `GET /history` and `GET /topics/{filter}` for an `EventSource`, where no process stays to serve them. */
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
