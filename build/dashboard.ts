// Joins the scripts of the dashboard, and copies what else it needs, into dist/dashboard: node build/dashboard.ts
import { cp, mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { PACKAGE_FILES } from '../src/http/assets.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'src/dashboard')
const OUT = join(ROOT, 'dist/dashboard')
/** What the pages load. */
const SCRIPTS = ['main.ts', 'docs.ts']
/** Licences of what a browser gets from other packages, which allow copies only with them. */
const LICENSES = {
  'uplot.LICENSE.txt': 'uplot/LICENSE',
  'swagger-ui.LICENSE.txt': 'swagger-ui-dist/LICENSE',
  'swagger-ui.NOTICE.txt': 'swagger-ui-dist/NOTICE',
  'swagger-ui-bundle.js.LICENSE.txt': 'swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt',
}

await build({
  absWorkingDir: SOURCE,
  entryPoints: SCRIPTS,
  outdir: OUT,
  bundle: true,
  format: 'esm',
  target: 'es2024',
  // a browser far away loads one small file instead of fifty, each of which it knows only from another one
  minify: true,
  logLevel: 'warning',
})
const { resolve: find } = createRequire(import.meta.url)
await mkdir(OUT, { recursive: true })
for (const name of await readdir(SOURCE))
  if (/\.(html|css|svg)$/.test(name)) await cp(join(SOURCE, name), join(OUT, name))
for (const [path, file] of Object.entries({ ...PACKAGE_FILES, ...LICENSES }))
  await cp(find(file), join(OUT, basename(path)))
