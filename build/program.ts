// Joins the program and the packages that it uses into a few files in dist/: node build/program.ts
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type BuildOptions, build, type OutputFile } from 'esbuild'
import { writeNotices } from './third-party.ts'

const ROOT = resolve(import.meta.dirname, '..')
const OUT = join(ROOT, 'dist')

const common = {
  absWorkingDir: ROOT,
  // all at the top of dist/, so that src/folders.ts finds its way from each of them
  outdir: OUT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // only a checkout has types to remove
  external: ['amaro'],
  // names of classes stay as they are written, also if two files use the same
  keepNames: true,
  metafile: true,
  write: false,
  logLevel: 'warning',
} as const satisfies BuildOptions

/** What bin/, `exports` in package.json and the thread of the store load, by their names in dist/. */
const modules = await build({
  ...common,
  entryPoints: {
    main: 'src/cli/main.ts',
    lambda: 'src/lambda/handler.ts',
    'sqlite-worker': 'src/broker/store/sqlite-worker.ts',
  },
  chunkNames: '[name]-[hash]',
  // what a command imports on demand stays apart
  splitting: true,
  format: 'esm',
  // packages in CommonJS load Node's own modules with it
  banner: {
    js: "import { createRequire as createRequireHere } from 'node:module'\nconst require = createRequireHere(import.meta.url)",
  },
  // used only with --enable-source-maps
  sourcemap: 'linked',
  sourcesContent: false,
})

/** `serve` once more, as one script: what V8 compiles can be kept only of scripts (src/cli/compiled.ts). */
const serve = await build({
  ...common,
  entryPoints: {
    compiled: 'src/cli/compiled.ts',
    serve: 'src/cli/only-serve.ts',
    'sqlite-worker': 'src/broker/store/sqlite-worker.ts',
  },
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define: { 'import.meta.url': 'urlHere' },
  banner: { js: "const urlHere = require('node:url').pathToFileURL(__filename).href" },
})

await mkdir(OUT, { recursive: true })
await Promise.all([modules, serve].flatMap(({ outputFiles }) => outputFiles.map(write)))
const inputs = [modules, serve].flatMap(({ metafile }) => Object.keys(metafile.inputs))
await writeNotices(ROOT, OUT, [...new Set(inputs)])

/**
 * Writes a file in ASCII. esbuild leaves other characters in comments and regular expressions, and with a single one of them V8
 * keeps the whole source in two bytes per character.
 */
function write({ path, text }: OutputFile): Promise<void> {
  const escaped = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return writeFile(path, path.endsWith('.map') ? text : text.replace(/[^\0-\x7f]/g, escaped))
}
