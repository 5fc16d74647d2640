import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addDevice, listDevices, renewDevice, revokeDevice } from '../../src/ca/devices.ts'
import { readCrl } from '../../src/ca/read-crl.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { UsageError } from '../../src/errors.ts'
import { handshake } from './handshake.ts'
import { openssl } from './openssl.ts'
import { initialisedDirectory, temporaryDirectory } from './temporary.ts'

test('a short name gets the suffix d.wott.local, a full ID is kept', async () => {
  await using directory = await initialisedDirectory()
  const ids = { kitchen: 'kitchen.d.wott.local', 'pump-7.example.org': 'pump-7.example.org' }
  for (const [name, id] of Object.entries(ids)) {
    const device = await addDevice(directory.path, name)
    assert.equal(device.id, id)
    assert.equal(device.name, name)
    assert.equal(device.directory, join(directory.path, 'devices', name))
    assert.equal(device.revokedAt, null)
    const certificate = new X509Certificate(await readFile(join(device.directory, 'client.crt')))
    assert.equal(certificate.subject, `CN=${id}`)
    assert.equal(certificate.subjectAltName, `DNS:${id}`)
    assert.equal(certificate.serialNumber, device.serial)
    assert.equal(certificate.validToDate.getTime(), device.notAfter)
    assert.equal((await stat(join(device.directory, 'client.key'))).mode & 0o777, 0o600)
  }
  const full = await addDevice(directory.path, 'hall.d.wott.local')
  assert.equal(full.directory, join(directory.path, 'devices/hall'))
  const deep = await addDevice(directory.path, 'a.hall.d.wott.local')
  assert.equal(deep.name, 'a.hall.d.wott.local')
})

test('a device without a name gets a random one, as in the WoTT service', async () => {
  await using directory = await initialisedDirectory()
  const { id, name } = await addDevice(directory.path)
  assert.match(name, /^[0-9a-f]{12}$/)
  assert.equal(id, `${name}.d.wott.local`)
})

test('the number of days can be chosen within bounds', async () => {
  await using directory = await initialisedDirectory()
  const { notAfter } = await addDevice(directory.path, 'short', { days: 7 })
  assert.ok(Math.abs(notAfter - Date.now() - 7 * DAY_MS) < 10 * 60_000)
  for (const days of [0, -1, 1.5, Number.NaN, Infinity, 1e9])
    await assert.rejects(addDevice(directory.path, 'other', { days }), UsageError)
})

test('invalid names are refused', async () => {
  await using directory = await initialisedDirectory()
  const before = await readdir(directory.path, { recursive: true })
  for (const name of [
    '',
    '.',
    '..',
    '../x',
    '../../etc/cron.d/x',
    'a/b',
    'a\\b',
    '/tmp/x',
    '.hidden',
    '-rf',
    '_x',
    'küche',
    '厨房',
    'a b',
    'a\n',
    'a\0b',
    'a+b',
    'a#',
    '$x',
    'x'.repeat(52),
    'x'.repeat(300),
    `${'x'.repeat(300)}.example.org`,
  ])
    await assert.rejects(addDevice(directory.path, name), UsageError, JSON.stringify(name))
  assert.deepEqual(await readdir(directory.path, { recursive: true }), before)
  // the longest CN that X.509 has room for
  assert.equal((await addDevice(directory.path, 'x'.repeat(51))).id.length, 64)
})

test('names in use are refused', async () => {
  await using directory = await initialisedDirectory()
  for (const name of ['sensor', 'SENSOR', 'sensor.d.wott.local', 'gateway', 'Gateway.d.wott.local'])
    await assert.rejects(addDevice(directory.path, name), UsageError, name)
})

test('a revoked device is on the list at once, and its name can be used again', async () => {
  await using directory = await initialisedDirectory()
  const first = await addDevice(directory.path, 'kitchen')
  assert.deepEqual(await revokeDevice(directory.path, 'kitchen'), {
    id: 'kitchen.d.wott.local',
    serials: [first.serial],
  })
  const own = await readFile(directory.layout.certs.combined, 'utf8')
  const ca = await readFile(directory.layout.authority.certificate, 'utf8')
  const present = async () => {
    const combined = await readFile(join(first.directory, 'combined.pem'), 'utf8')
    const crl = await readFile(directory.layout.authority.crl, 'utf8')
    return handshake({ key: own, cert: own, ca, crl }, { key: combined, cert: combined, ca })
  }
  assert.equal((await present()).refusal, 'CERT_REVOKED')

  const second = await addDevice(directory.path, 'kitchen')
  assert.notEqual(second.serial, first.serial)
  assert.equal((await present()).refusal, null)

  await revokeDevice(directory.path, 'kitchen.d.wott.local')
  const crl = readCrl(await readFile(directory.layout.authority.crl, 'utf8'))
  assert.ok(crl.isRevoked(first.serial) && crl.isRevoked(second.serial))
})

test('revoking twice is not an error and changes nothing', async () => {
  await using directory = await initialisedDirectory()
  await revokeDevice(directory.path, 'sensor')
  const before = await readFile(directory.layout.authority.crl, 'utf8')
  assert.deepEqual((await revokeDevice(directory.path, 'sensor')).serials, [])
  assert.equal(await readFile(directory.layout.authority.crl, 'utf8'), before)
})

test('an unknown device and the gateway cannot be revoked', async () => {
  await using directory = await initialisedDirectory()
  await assert.rejects(revokeDevice(directory.path, 'snesor'), (error) => {
    assert.ok(error instanceof UsageError)
    assert.match(error.message, /sensor\.d\.wott\.local, subscriber\.d\.wott\.local/)
    return true
  })
  for (const name of ['gateway', 'gateway.d.wott.local', '', '../ca'])
    await assert.rejects(revokeDevice(directory.path, name), UsageError)
})

test('the list of devices has each once, with its state', async () => {
  await using directory = await initialisedDirectory()
  await addDevice(directory.path, 'kitchen')
  const now = Date.now()
  await revokeDevice(directory.path, 'sensor', { now })
  assert.deepEqual(
    (await listDevices(directory.path)).map(({ id, revokedAt }) => [id, revokedAt]),
    [
      ['sensor.d.wott.local', now],
      ['subscriber.d.wott.local', null],
      ['kitchen.d.wott.local', null],
    ],
  )
})

test('other files of a device are not deleted with its old certificate', async () => {
  await using directory = await initialisedDirectory()
  const { directory: kitchen } = await addDevice(directory.path, 'kitchen')
  await revokeDevice(directory.path, 'kitchen')
  await writeFile(join(kitchen, 'notes.txt'), 'hello')
  await assert.rejects(addDevice(directory.path, 'kitchen'), /notes\.txt/)
})

test('a device directory from elsewhere is not touched', async () => {
  await using directory = await initialisedDirectory()
  const elsewhere = join(directory.path, 'devices/kitchen')
  await mkdir(elsewhere)
  await writeFile(join(elsewhere, 'client.key'), 'precious')
  await assert.rejects(addDevice(directory.path, 'kitchen'), UsageError)
  assert.equal(await readFile(join(elsewhere, 'client.key'), 'utf8'), 'precious')
})

test('a name can be used again once its certificate has expired', async () => {
  await using directory = await initialisedDirectory()
  await addDevice(directory.path, 'kitchen', { days: 1, now: Date.now() - 2 * DAY_MS })
  const renewed = await addDevice(directory.path, 'kitchen')
  assert.ok(renewed.notAfter > Date.now())
})

test('every command without init gives a hint', async () => {
  await using directory = await temporaryDirectory()
  for (const attempt of [
    () => addDevice(directory.path, 'kitchen'),
    () => revokeDevice(directory.path, 'kitchen'),
    () => listDevices(directory.path),
  ])
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, /wott-gateway init/)
      return true
    })
  assert.deepEqual(await readdir(directory.path), [])
})

test('a revocation includes superseded certificates, but not expired ones', async () => {
  await using directory = await initialisedDirectory()
  const now = Date.now()
  const ended = await addDevice(directory.path, 'kitchen', { days: 1, now: now - 9 * DAY_MS })
  const superseded = await addDevice(directory.path, 'kitchen', { days: 30, now: now - DAY_MS })
  const newest = await renewDevice(directory.path, 'kitchen', { days: 30 })
  const { serials } = await revokeDevice(directory.path, 'kitchen', { reason: 'keyCompromise' })
  assert.deepEqual(
    serials,
    [ended, superseded, newest].map(({ serial }) => serial),
  )
  const { revoked } = readCrl(await readFile(directory.layout.authority.crl, 'utf8'))
  assert.deepEqual([...revoked.keys()].sort(), [superseded.serial, newest.serial].sort())
  const { output } = await openssl(
    ...['crl', '-in', directory.layout.authority.crl, '-noout', '-text'],
  )
  assert.equal(output.split('Key Compromise').length - 1, 2)
  const kitchen = (await listDevices(directory.path)).at(-1)
  assert.deepEqual([kitchen?.state, kitchen?.reason], ['revoked', 'keyCompromise'])
  const ledger = await readFile(directory.layout.authority.ledger, 'utf8')
  assert.equal(ledger.match(/"event":"revoked".*"reason":"keyCompromise"/g)?.length, 3)
})

test('old ledger lines without a CA belong to the same CA as new ones', async () => {
  await using directory = await initialisedDirectory()
  const { ledger } = directory.layout.authority
  const old = (await readFile(ledger, 'utf8')).replaceAll(/,"issuer":"\w+"/g, '')
  await writeFile(ledger, old)
  await revokeDevice(directory.path, 'sensor')
  await addDevice(directory.path, 'kitchen')
  await revokeDevice(directory.path, 'subscriber')
  assert.deepEqual(
    (await listDevices(directory.path)).map(({ name, state }) => [name, state]),
    [
      ['sensor', 'revoked'],
      ['subscriber', 'revoked'],
      ['kitchen', 'active'],
    ],
  )
})
