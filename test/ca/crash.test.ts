import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, mkdir, readdir, readFile, rename, watch, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { addDevice, listDevices, revokeDevice } from '../../src/ca/devices.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { UsageError } from '../../src/errors.ts'
import { start } from './child.ts'
import { openssl } from './openssl.ts'
import { initialisedDirectory, temporaryDirectory } from './temporary.ts'

const INIT = `
  import { initDirectory } from 'src/ca/init.ts'
  await initDirectory(process.argv[1])
`

test('an init that is killed is completed by the next one', async () => {
  for (const [watched, file] of [
    ['.', '.new-ca'],
    ['.', 'certs'],
    ['devices', '.new-subscriber'],
  ] as const) {
    await using directory = await temporaryDirectory()
    const parent = join(directory.path, watched)
    await mkdir(parent, { recursive: true })
    const events = watch(parent)
    const child = start(INIT, directory.path)
    for await (const { filename } of events) if (filename === file) break
    child.kill('SIGKILL')
    await once(child, 'exit')

    const { layout } = await initDirectory(directory.path)
    for (const name of ['certs', 'devices/sensor', 'devices/subscriber']) {
      const { code, output } = await openssl(
        'verify',
        ...[
          '-crl_check',
          '-CRLfile',
          layout.authority.crl,
          '-CAfile',
          layout.authority.certificate,
        ],
        join(directory.path, name, 'client.crt'),
      )
      assert.equal(code, 0, output)
    }
    const left = await readdir(directory.path, { recursive: true })
    assert.deepEqual(
      left.filter((path) => basename(path).startsWith('.new-')),
      [],
    )
    assert.deepEqual((await initDirectory(directory.path)).created, [])
  }
})

test('a device in the ledger whose files are not in their place yet is moved there', async () => {
  await using directory = await initialisedDirectory()
  const kitchen = await addDevice(directory.path, 'kitchen')
  await rename(kitchen.directory, join(directory.path, 'devices/.new-kitchen'))
  await revokeDevice(directory.path, 'subscriber')
  assert.equal((await readdir(kitchen.directory)).length, 4)
})

test('the files of a device that is not in the ledger are removed', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  const ledger = await readFile(layout.authority.ledger, 'utf8')
  const kitchen = await addDevice(directory.path, 'kitchen')
  await rename(kitchen.directory, join(directory.path, 'devices/.new-kitchen'))
  await writeFile(layout.authority.ledger, ledger)
  const again = await addDevice(directory.path, 'kitchen')
  assert.notEqual(again.serial, kitchen.serial)
  assert.deepEqual((await readdir(layout.devices)).sort(), ['kitchen', 'sensor', 'subscriber'])
})

test('a file that another command is about to rename stays where it is', async () => {
  await using directory = await initialisedDirectory()
  // as "viewer invite" and "dev" write the book of viewers
  await writeFile(join(directory.path, '.new-viewers.json'), '')
  await addDevice(directory.path, 'kitchen')
  assert.ok((await readdir(directory.path)).includes('.new-viewers.json'))
})

test('a revocation that is on the list but not yet in the ledger is valid', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  const ledger = await readFile(layout.authority.ledger, 'utf8')
  const { serials } = await revokeDevice(directory.path, 'sensor')
  await writeFile(layout.authority.ledger, ledger)
  const [sensor] = await listDevices(directory.path)
  assert.equal(sensor?.id, 'sensor.d.wott.local')
  assert.notEqual(sensor.revokedAt, null)
  assert.deepEqual((await revokeDevice(directory.path, 'sensor')).serials, serials)
  assert.match(await readFile(layout.authority.ledger, 'utf8'), /"event":"revoked"/)
})

test('a line of the ledger that a crash cut short is dropped', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  await appendFile(layout.authority.ledger, '{"event":"issued","time":"2026-1')
  assert.equal((await listDevices(directory.path)).length, 2)
  await addDevice(directory.path, 'kitchen')
  assert.equal((await listDevices(directory.path)).length, 3)
})

test('a damaged ledger or list is reported by name and line', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  const ledger = await readFile(layout.authority.ledger, 'utf8')
  for (const line of ['nonsense', '[]', 'null', '{"event":"issued","time":"x"}']) {
    await writeFile(layout.authority.ledger, `${ledger}${line}\n`)
    await assert.rejects(listDevices(directory.path), (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, /issued\.ndjson: line 4 /)
      return true
    })
  }
  await writeFile(layout.authority.ledger, ledger)
  await writeFile(layout.authority.crl, 'nonsense')
  // signing a new list instead would lose what only the damaged one held
  for (const attempt of [
    () => listDevices(directory.path),
    () => revokeDevice(directory.path, 'sensor'),
    () => initDirectory(directory.path),
  ])
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, /crl\.pem/)
      return true
    })
})
