#!/usr/bin/env node
// A checkout runs its sources as they are, the package what was built from them.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'

const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(
    `wott-gateway needs Node.js 24 or later; this is ${process.version} (in a checkout, "npx wott-gateway" brings its own)\n`,
  )
  process.exit(2)
}
enableCompileCache?.()
const source = new URL('../src/cli/main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : '../dist/cli/main.js')
await main(process.argv.slice(2))
