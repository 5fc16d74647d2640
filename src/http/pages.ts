import helmet from '@fastify/helmet'
import { GatewayError } from '../errors.ts'
import { pathOf } from './app.ts'
import { type Asset, findFiles, readAsset } from './assets.ts'
import type { App } from './fastify.ts'

/** Nothing inline, nothing from other origins, and never in a frame. */
const HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // it would hold for every port of this host, and Prometheus or Grafana may use another one without TLS
  strictTransportSecurity: false,
}

const PAGES = {
  '/': 'getDashboard',
  '/docs': 'getReference',
  '/openapi.json': 'getOpenapi',
  '/asyncapi.json': 'getAsyncapi',
  '/assets/*': 'getAsset',
} as const

/** The dashboard and the API reference, and what they load. */
export function pageRoutes(app: App): void {
  // read on the first request, for a quick start
  let files: ReadonlyMap<string, URL> | undefined
  const assets = new Map<string, Promise<Asset>>()
  app.register(async (scope) => {
    await scope.register(helmet, HEADERS)
    for (const [path, operation] of Object.entries(PAGES))
      scope.get(path, { config: { operation } }, async (request, reply) => {
        files ??= await findFiles()
        const asked = pathOf(request.originalUrl)
        const file = files.get(asked)
        if (!file) throw new GatewayError('not_found', `${asked} does not exist here.`)
        // requests that arrive together share one read
        const reading = assets.get(asked) ?? readAsset(file)
        assets.set(asked, reading)
        reading.catch(() => assets.delete(asked))
        const asset = await reading
        reply.header('etag', asset.etag).header('cache-control', 'no-cache')
        if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send()
        return reply.type(asset.type).send(asset.body)
      })
  })
}
