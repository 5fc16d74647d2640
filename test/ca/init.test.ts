import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listDevices, revokeDevice } from '../../src/ca/devices.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { UsageError } from '../../src/errors.ts'
import { handshake } from './handshake.ts'
import { openssl } from './openssl.ts'
import { initialisedDirectory, temporaryDirectory } from './temporary.ts'

const IDENTITY = ['ca.crt', 'client.crt', 'client.key', 'combined.pem']

async function contents(directory: string): Promise<Map<string, string>> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true })
  const texts = files
    .filter((file) => file.isFile() && file.name !== '.lock')
    .map(async (file): Promise<[string, string]> => {
      const path = join(file.parentPath, file.name)
      return [path.slice(directory.length + 1), await readFile(path, 'utf8')]
    })
  return new Map((await Promise.all(texts)).sort())
}

test('init makes everything, with keys that only the owner can read', async () => {
  await using directory = await temporaryDirectory()
  const root = join(directory.path, 'deep', '.wott')
  const { created, layout } = await initDirectory(root)
  assert.equal(layout.directory, root)
  assert.deepEqual(
    created.map((path) => path.slice(root.length + 1)),
    ['ca', 'certs', 'devices/sensor', 'devices/subscriber', 'permission.acl', '.gitignore'],
  )
  assert.deepEqual((await readdir(root)).sort(), [
    '.gitignore',
    '.lock',
    'ca',
    'certs',
    'devices',
    'permission.acl',
  ])
  assert.deepEqual((await readdir(join(root, 'ca'))).sort(), [
    'ca.crt',
    'ca.key',
    'crl.pem',
    'issued.ndjson',
  ])
  for (const name of ['certs', 'devices/sensor', 'devices/subscriber'])
    assert.deepEqual((await readdir(join(root, name))).sort(), IDENTITY)
  for (const file of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name)
    const mode = (await stat(path)).mode & 0o777
    if (file.isDirectory()) assert.equal(mode, 0o700, path)
    else if (/\.key$|^combined/.test(file.name)) assert.equal(mode, 0o600, path)
  }
})

test('init protects the keys with a loose umask too', async () => {
  await using directory = await temporaryDirectory()
  const before = process.umask(0)
  try {
    const { layout } = await initDirectory(directory.path)
    for (const path of [layout.authority.key, layout.certs.key, layout.certs.combined])
      assert.equal((await stat(path)).mode & 0o777, 0o600, path)
    assert.equal((await stat(layout.authority.directory)).mode & 0o777, 0o700)
  } finally {
    process.umask(before)
  }
})

test('the certificates have the names of the tutorial, and work with OpenSSL and in a handshake', async () => {
  await using directory = await temporaryDirectory()
  const { layout } = await initDirectory(directory.path, { names: ['gw.example.org', '192.0.2.7'] })
  const at = (path: string) => join(directory.path, path)
  for (const path of ['certs', 'devices/sensor', 'devices/subscriber']) {
    const { output, code } = await openssl(
      'verify',
      ...['-x509_strict', '-crl_check', '-CRLfile', layout.authority.crl],
      ...['-CAfile', at(`${path}/ca.crt`), at(`${path}/client.crt`)],
    )
    assert.equal(code, 0, output)
  }
  const gateway = new X509Certificate(await readFile(layout.certs.certificate))
  assert.equal(gateway.subject, 'CN=gateway.d.wott.local')
  for (const name of ['localhost', 'gateway.d.wott.local', hostname(), 'gw.example.org'])
    assert.ok(gateway.checkHost(name), name)
  for (const ip of ['127.0.0.1', '::1', '192.0.2.7']) assert.ok(gateway.checkIP(ip), ip)

  // the file that `curl --cert combined.pem` and Mosquitto's certfile read
  const combined = await readFile(at('devices/sensor/combined.pem'), 'utf8')
  const ca = await readFile(at('devices/sensor/ca.crt'), 'utf8')
  const crl = await readFile(layout.authority.crl, 'utf8')
  const own = await readFile(layout.certs.combined, 'utf8')
  assert.deepEqual(
    await handshake({ key: own, cert: own, ca, crl }, { key: combined, cert: combined, ca }),
    { refusal: null, mistrust: null, commonName: 'sensor.d.wott.local' },
  )
})

test('a second init changes nothing', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  await writeFile(layout.acl, 'topic read mine\n')
  const before = await contents(directory.path)
  assert.deepEqual((await initDirectory(directory.path)).created, [])
  assert.deepEqual(await contents(directory.path), before)
})

test('a second init makes deleted files again, and nothing else', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  await revokeDevice(directory.path, 'subscriber')
  const before = await contents(directory.path)
  const gone = [
    join(directory.path, 'devices/sensor/combined.pem'),
    layout.certs.ca,
    layout.acl,
    layout.authority.crl,
  ]
  for (const path of gone) await rm(path)
  const { created } = await initDirectory(directory.path)
  assert.deepEqual([...created].sort(), [...gone].sort())
  const after = await contents(directory.path)
  // the list is signed again, so its bytes differ; the next test checks its content
  before.delete('ca/crl.pem')
  after.delete('ca/crl.pem')
  assert.deepEqual(after, before)
})

test('a second init signs a lost or outdated revocation list again from the ledger', async () => {
  await using directory = await initialisedDirectory()
  const { layout } = directory
  const old = await readFile(layout.authority.crl, 'utf8')
  await revokeDevice(directory.path, 'sensor')
  const lose = [() => rm(layout.authority.crl), () => writeFile(layout.authority.crl, old)]
  for (const loss of lose) {
    await loss()
    assert.deepEqual((await initDirectory(directory.path)).created, [layout.authority.crl])
    const { output } = await openssl(
      'verify',
      ...['-crl_check', '-CRLfile', layout.authority.crl, '-CAfile', layout.authority.certificate],
      join(directory.path, 'devices/sensor/client.crt'),
    )
    assert.match(output, /certificate revoked/)
  }
})

test('a sample device that was revoked and deleted does not come back', async () => {
  await using directory = await initialisedDirectory()
  await revokeDevice(directory.path, 'sensor')
  await rm(join(directory.path, 'devices/sensor'), { recursive: true })
  assert.deepEqual((await initDirectory(directory.path)).created, [])
})

test('a sample device whose files were moved away gets new files', async () => {
  await using directory = await initialisedDirectory()
  const sensor = join(directory.path, 'devices/sensor')
  const [before] = await listDevices(directory.path)
  await rm(sensor, { recursive: true })
  assert.deepEqual((await initDirectory(directory.path)).created, [sensor])
  const [after] = await listDevices(directory.path)
  assert.equal(after?.id, before?.id)
  assert.notEqual(after?.serial, before?.serial)
})

test('init reports what it cannot make again, and overwrites nothing', async () => {
  for (const lost of [
    'ca',
    'ca/ca.key',
    'ca/ca.crt',
    'ca/issued.ndjson',
    'certs/client.key',
    'devices/sensor/client.crt',
  ]) {
    await using directory = await initialisedDirectory()
    await rm(join(directory.path, lost), { recursive: true })
    const before = await contents(directory.path)
    await assert.rejects(initDirectory(directory.path), (error) => {
      assert.ok(error instanceof UsageError)
      assert.ok(error.message.includes(join(directory.path, lost)), error.message)
      return true
    })
    assert.deepEqual(await contents(directory.path), before, lost)
  }
})

test('devices of a lost CA are not mixed with those of a new one', async () => {
  await using directory = await initialisedDirectory()
  for (const gone of ['ca', 'certs', 'devices/sensor'])
    await rm(join(directory.path, gone), { recursive: true })
  await assert.rejects(initDirectory(directory.path), /devices\/subscriber/)
})

test('init keeps an existing directory and its mode', async () => {
  await using directory = await temporaryDirectory()
  const root = join(directory.path, 'mine')
  await mkdir(root, { mode: 0o755 })
  await writeFile(join(root, 'permission.acl'), '')
  await writeFile(join(root, 'notes.txt'), 'hello')
  await initDirectory(root)
  assert.equal((await stat(root)).mode & 0o777, 0o755)
  assert.equal(await readFile(join(root, 'permission.acl'), 'utf8'), '')
  assert.equal(await readFile(join(root, 'notes.txt'), 'utf8'), 'hello')
})

test('a name that is neither a host nor an address is refused before anything is written', async () => {
  await using directory = await temporaryDirectory()
  for (const name of ['', 'a b', '-x', 'a..b', 'http://x', 'ä', '*'])
    await assert.rejects(initDirectory(directory.path, { names: [name] }), UsageError)
  assert.deepEqual(await readdir(directory.path), [])
})
