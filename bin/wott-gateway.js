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
const source = new URL('../src/cli/main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : '../dist/main.js')
await main(process.argv.slice(2))

function privateCache() {
  try {
    return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wott-gateway')
  } catch {
    return undefined // a user without a home
  }
}
