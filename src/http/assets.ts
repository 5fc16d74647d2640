import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { DASHBOARD, DOCUMENTS } from '../folders.ts'

/** A file as a browser gets it. */
export interface Asset {
  readonly body: Buffer
  readonly type: string
  readonly etag: string
}

/** Files from other packages, which the built package has beside our own. */
export const PACKAGE_FILES = {
  '/assets/uplot.js': 'uplot/dist/uPlot.iife.min.js',
  '/assets/uplot.css': 'uplot/dist/uPlot.min.css',
  '/assets/swagger-ui-bundle.js': 'swagger-ui-dist/swagger-ui-bundle.js',
  '/assets/swagger-ui.css': 'swagger-ui-dist/swagger-ui.css',
}
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  ts: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Every file that a browser may load, by its path. */
export async function findFiles(): Promise<ReadonlyMap<string, URL>> {
  const files = new Map<string, URL>()
  for (const name of await readdir(DASHBOARD))
    if (/\.(ts|js|css|svg|html)$/.test(name)) files.set(pathOf(name), new URL(name, DASHBOARD))
  for (const name of ['openapi.json', 'asyncapi.json'])
    files.set(`/${name}`, new URL(name, DOCUMENTS))
  const { resolve } = createRequire(import.meta.url)
  for (const [path, file] of Object.entries(PACKAGE_FILES))
    if (!files.has(path)) files.set(path, pathToFileURL(resolve(file)))
  return files
}

function pathOf(name: string): string {
  if (name === 'index.html') return '/'
  if (name.endsWith('.html')) return `/${name.slice(0, -'.html'.length)}`
  return `/assets/${name.replace(/\.ts$/, '.js')}`
}

/** Reads a file for the browser; a TypeScript file becomes JavaScript. Rejects if it cannot be read. */
export async function readAsset(file: URL): Promise<Asset> {
  const extension = file.pathname.slice(file.pathname.lastIndexOf('.') + 1)
  const source = await readFile(file)
  const body = extension === 'ts' ? await toJavaScript(source.toString()) : source
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { body, type: TYPES[extension] ?? '', etag }
}

/** Removes the types of a script, as Node itself does; the scripts of the built package have none. */
async function toJavaScript(source: string): Promise<Buffer> {
  const { transformSync } = await import('amaro')
  const { code } = transformSync(source, { mode: 'strip-only' })
  return Buffer.from(code.replaceAll(/(from [']\.\/[\w-]+)\.ts'/g, "$1.js'"))
}
