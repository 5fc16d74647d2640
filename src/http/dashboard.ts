import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import helmet from '@fastify/helmet'
import { GatewayError } from '../errors.ts'
import { type App, pathOf } from './app.ts'

/** Nothing inline, nothing from elsewhere, nowhere in a frame. */
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
  // it would hold for every port of this host, and Prometheus or Grafana may be on another without TLS
  strictTransportSecurity: false,
}

/** The page at `/`, and what it loads below `/assets/`. */
export function dashboardRoutes(app: App): void {
  // not read before somebody looks, for a quick start
  let pages: Promise<Map<string, Asset>> | undefined
  app.register(async (scope) => {
    await scope.register(helmet, HEADERS)
    for (const path of ['/', '/assets/*'])
      scope.get(path, async (request, reply) => {
        pages ??= readPages()
        const asked = pathOf(request.originalUrl)
        const asset = (await pages).get(asked)
        if (!asset) throw new GatewayError('not_found', `There is no GET ${asked} here.`)
        reply.header('etag', asset.etag).header('cache-control', 'no-cache')
        if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send()
        return reply.type(asset.type).send(asset.body)
      })
  })
}

interface Asset {
  readonly body: string
  readonly type: string
  readonly etag: string
}

const FOLDER = new URL('../dashboard/', import.meta.url)
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Everything that the page is made of, by its path. */
export async function readPages(): Promise<Map<string, Asset>> {
  const names = (await readdir(FOLDER)).filter((name) => /\.(ts|js|css|svg|html)$/.test(name))
  const own = names.map(async (name) => {
    const text = await readFile(new URL(name, FOLDER), 'utf8')
    return toAsset(name, name.endsWith('.ts') ? await toJavaScript(text) : text)
  })
  const { resolve } = createRequire(import.meta.url)
  const theirs = ['uPlot.iife.min.js', 'uPlot.min.css'].map(async (name) =>
    toAsset(
      name.endsWith('.js') ? 'uplot.js' : 'uplot.css',
      await readFile(resolve(`uplot/dist/${name}`), 'utf8'),
    ),
  )
  return new Map(await Promise.all([...own, ...theirs]))
}

function toAsset(file: string, body: string): [path: string, asset: Asset] {
  const name = file.replace(/\.ts$/, '.js')
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? ''
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return [name === 'index.html' ? '/' : `/assets/${name}`, { body, type, etag }]
}

/** A checkout has the scripts with their types, as Node itself reads TypeScript; the package has been built. */
async function toJavaScript(source: string): Promise<string> {
  const { transformSync } = await import('amaro')
  const { code } = transformSync(source, { mode: 'strip-only' })
  return code.replaceAll(/(from [']\.\/[\w-]+)\.ts'/g, "$1.js'")
}
