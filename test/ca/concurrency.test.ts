import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { addDevice, listDevices, revokeDevice } from '../../src/ca/devices.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { readCrl } from '../../src/ca/read-crl.ts'
import { UsageError } from '../../src/errors.ts'
import { start } from './child.ts'
import { initialisedDirectory, temporaryDirectory } from './temporary.ts'

const WORK = `
  import { addDevice, revokeDevice } from 'src/ca/devices.ts'
  const [directory, name] = process.argv.slice(1)
  for (const i of [1, 2, 3]) await addDevice(directory, name + i)
  await revokeDevice(directory, name + 2)
`

test('several processes that add and revoke devices at once lose nothing', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  const children = ['a', 'b'].map((name) => start(WORK, directory.path, name))
  const exits = children.map((child) => once(child, 'exit'))
  await Promise.all(['c1', 'c2', 'c3'].map((name) => addDevice(directory.path, name)))
  await revokeDevice(directory.path, 'c2')
  assert.deepEqual(await Promise.all(exits), [
    [0, null],
    [0, null],
  ])

  const devices = await listDevices(directory.path)
  const names = ['a', 'b', 'c'].flatMap((name) => [1, 2, 3].map((i) => `${name}${i}`))
  const all = [...names, 'sensor', 'subscriber']
  assert.deepEqual(devices.map(({ name }) => name).sort(), all)
  assert.deepEqual((await readdir(layout.devices)).sort(), all)
  const revoked = devices.filter(({ revokedAt }) => revokedAt !== null)
  assert.deepEqual(revoked.map(({ name }) => name).sort(), ['a2', 'b2', 'c2'])
  const crl = readCrl(await readFile(layout.authority.crl, 'utf8'))
  assert.deepEqual([...crl.revoked.keys()].sort(), revoked.map(({ serial }) => serial).sort())
})

test('only one of two processes that want the same name gets it', async () => {
  await using directory = await initialisedDirectory()
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => addDevice(directory.path, 'kitchen')),
  )
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 2)
  for (const { reason } of refused) assert.ok(reason instanceof UsageError)
})

test('two inits at the same time make one directory', async () => {
  await using directory = await temporaryDirectory()
  const results = await Promise.all([1, 2].map(() => initDirectory(directory.path)))
  assert.deepEqual(results.map(({ created }) => created.length).sort(), [0, 6])
  assert.equal((await listDevices(directory.path)).length, 2)
})
