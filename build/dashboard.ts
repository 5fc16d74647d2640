// Copies what the dashboard needs beside its scripts in dist/dashboard: node build/dashboard.ts
import { cp, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { PACKAGE_FILES } from '../src/http/assets.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'src/dashboard')
const OUT = join(ROOT, 'dist/dashboard')
/** Licences of what a browser gets from other packages, which allow copies only with them. */
const LICENSES = {
  'uplot.LICENSE.txt': 'uplot/LICENSE',
  'swagger-ui.LICENSE.txt': 'swagger-ui-dist/LICENSE',
  'swagger-ui.NOTICE.txt': 'swagger-ui-dist/NOTICE',
  'swagger-ui-bundle.js.LICENSE.txt': 'swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt',
}

const { resolve: find } = createRequire(import.meta.url)
await mkdir(OUT, { recursive: true })
for (const name of await readdir(SOURCE))
  if (/\.(html|css|svg)$/.test(name)) await cp(join(SOURCE, name), join(OUT, name))
for (const [path, file] of Object.entries({ ...PACKAGE_FILES, ...LICENSES }))
  await cp(find(file), join(OUT, basename(path)))
