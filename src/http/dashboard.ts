import { readFileSync } from 'node:fs'
import type { App } from './app.ts'

/** For the plugin that sets them: nothing inline, nothing from elsewhere, nowhere in a frame. */
export const PAGE_HEADERS = {
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
  // it would hold for every port of this host, and Prometheus or Grafana may be on another without TLS
  strictTransportSecurity: false,
}

/** The page and what it loads. */
export function dashboardRoutes(app: App): void {
  const page = readFileSync(new URL('../dashboard/index.html', import.meta.url))
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
}
