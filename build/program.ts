// Joins the program and the packages that it uses into a few files in dist/: node build/program.ts
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { writeNotices } from './third-party.ts'

const ROOT = resolve(import.meta.dirname, '..')
const OUT = join(ROOT, 'dist')

/** What bin/, `exports` in package.json and the thread of the store load, by their names in dist/. */
const entryPoints = {
  main: 'src/cli/main.ts',
  lambda: 'src/lambda/handler.ts',
  'sqlite-worker': 'src/broker/store/sqlite-worker.ts',
}

const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints,
  // all at the top of dist/, so that src/folders.ts finds its way from each of them
  outdir: OUT,
  chunkNames: '[name]-[hash]',
  bundle: true,
  // what a command imports on demand stays apart
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // packages in CommonJS load Node's own modules with it
  banner: {
    js: "import { createRequire as createRequireHere } from 'node:module'\nconst require = createRequireHere(import.meta.url)",
  },
  // only a checkout has types to remove
  external: ['amaro'],
  // used only with --enable-source-maps
  sourcemap: 'linked',
  sourcesContent: false,
  // names of classes stay as they are written, also if two files use the same
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
})
await writeNotices(ROOT, OUT, Object.keys(metafile.inputs))
