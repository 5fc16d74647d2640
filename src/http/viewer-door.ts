import { readFileSync } from 'node:fs'
import { type App, type AppOptions, createApp } from './app.ts'

/** Browsers. A plain page for now: it says what this is, and where streams are to be had. */
export function createViewerDoor(options: Omit<AppOptions, 'requestCert' | 'admit'>): App {
  const page = readFileSync(new URL('../dashboard/index.html', import.meta.url))
  const app = createApp({ ...options, requestCert: false })
  app.get('/', async (_request, reply) =>
    reply
      .header('content-security-policy', "default-src 'none'; style-src 'self' 'unsafe-inline'")
      .type('text/html; charset=utf-8')
      .send(page),
  )
  return app
}
