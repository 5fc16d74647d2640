import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { initDirectory } from '../../src/ca/init.ts'
import { start } from './child.ts'
import { temporaryDirectory } from './temporary.ts'

const NEXT_START = `
  import { registerHooks } from 'node:module'
  registerHooks({
    load(url, context, next) {
      console.log(url)
      return next(url, context)
    },
  })
  const { initDirectory } = await import('src/ca/init.ts')
  const { renewExpiring } = await import('src/ca/renew.ts')
  const { listDevices } = await import('src/ca/devices.ts')
  await initDirectory(process.argv[1])
  await renewExpiring(process.argv[1])
  await listDevices(process.argv[1])
`

test('a start that signs nothing does not load the certificate library', async () => {
  await using directory = await temporaryDirectory()
  await initDirectory(directory.path)
  const { stdout } = start(NEXT_START, directory.path)
  assert.ok(stdout)
  const loaded = await text(stdout)
  assert.match(loaded, /src\/ca\/read-crl\.ts/)
  assert.doesNotMatch(loaded, /node_modules/)
})
