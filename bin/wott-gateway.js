#!/usr/bin/env node
// A checkout runs its sources as they are, the package what was built from them.
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(
    `wott-gateway needs Node.js 24 or later; this is ${process.version} (in a checkout, "npx wott-gateway" brings its own)\n`,
  )
  process.exit(2)
}
// not Node's own choice, a folder in /tmp: whoever makes that first can put code into it
const cache = process.env.NODE_COMPILE_CACHE ?? privateCache()
if (cache !== undefined) {
  process.env.NODE_COMPILE_CACHE = cache // for threads
  nodeModule.enableCompileCache(cache)
}
const args = process.argv.slice(2)
const source = new URL('../src/cli/main.ts', import.meta.url)
if (existsSync(source)) {
  const { main } = await import(source.href)
  await main(args)
} else if (args[0] === 'serve' && !process.sourceMapsEnabled) {
  const { loadCompiled } = nodeModule.createRequire(import.meta.url)('../dist/compiled.cjs')
  const file = join(import.meta.dirname, '../dist/serve.cjs')
  const folder = process.env.NODE_DISABLE_COMPILE_CACHE ? undefined : cache
  const { exports, keep } = loadCompiled(file, folder)
  await exports.serveMain(args, keep)
} else {
  const { main } = await import('../dist/main.js')
  await main(args)
}

function privateCache() {
  try {
    return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wott-gateway')
  } catch {
    return undefined // a user without a home
  }
}
