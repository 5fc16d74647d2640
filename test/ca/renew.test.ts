import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { addDevice, listDevices, revokeDevice } from '../../src/ca/devices.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { issue } from '../../src/ca/issue.ts'
import { readCrl } from '../../src/ca/read-crl.ts'
import { renewExpiring } from '../../src/ca/renew.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { UsageError } from '../../src/errors.ts'
import { temporaryDirectory } from './temporary.ts'

const START = Date.now()
const after = (days: number) => ({ now: START + days * DAY_MS })
const ids = (renewed: readonly { id: string }[]) => renewed.map(({ id }) => id)

test('certificates that are valid long enough are kept', async () => {
  await using directory = await temporaryDirectory()
  await initDirectory(directory.path, after(0))
  assert.deepEqual(await renewExpiring(directory.path, after(330)), [])
})

test('certificates that end within 30 days are renewed once, for the same key and names', async () => {
  await using directory = await temporaryDirectory()
  const { layout } = await initDirectory(directory.path, { names: ['gw.example.org'], ...after(0) })
  await addDevice(directory.path, 'kitchen', after(0))
  const key = await readFile(layout.certs.key, 'utf8')
  const before = new X509Certificate(await readFile(layout.certs.certificate))
  const samples = ['sensor.d.wott.local', 'subscriber.d.wott.local']

  assert.deepEqual(ids(await renewExpiring(directory.path, after(336))), samples)
  assert.deepEqual(await renewExpiring(directory.path, after(336)), [])
  const renewed = await renewExpiring(directory.path, after(1000))
  assert.deepEqual(ids(renewed), ['gateway.d.wott.local', ...samples])
  assert.ok(renewed.every(({ notAfter }) => notAfter > after(1300).now))

  const now = new X509Certificate(await readFile(layout.certs.certificate))
  assert.notEqual(now.serialNumber, before.serialNumber)
  assert.equal(now.subject, before.subject)
  assert.equal(now.subjectAltName, before.subjectAltName)
  assert.equal(await readFile(layout.certs.key, 'utf8'), key)
  assert.ok(now.checkPrivateKey(createPrivateKey(key)))
  assert.equal(
    await readFile(layout.certs.combined, 'utf8'),
    key + (await readFile(layout.certs.certificate, 'utf8')),
  )
  assert.equal((await stat(layout.certs.combined)).mode & 0o777, 0o600)
})

test('revoking a renewed device also revokes its earlier certificates', async () => {
  await using directory = await temporaryDirectory()
  const { layout } = await initDirectory(directory.path, after(0))
  const [first] = await listDevices(directory.path)
  await renewExpiring(directory.path, after(350))
  const [second] = await listDevices(directory.path)
  assert.deepEqual((await revokeDevice(directory.path, 'sensor')).serials, [
    first?.serial,
    second?.serial,
  ])
  const crl = readCrl(await readFile(layout.authority.crl, 'utf8'))
  assert.ok(crl.isRevoked(first?.serial ?? ''))
})

test('a revoked device is not renewed, nor one whose files were moved away', async () => {
  await using directory = await temporaryDirectory()
  await initDirectory(directory.path, after(0))
  await revokeDevice(directory.path, 'sensor')
  await rm(join(directory.path, 'devices/subscriber'), { recursive: true })
  assert.deepEqual(await renewExpiring(directory.path, after(400)), [])
  assert.equal((await listDevices(directory.path)).length, 2)
})

test('a certificate of another CA is not renewed', async () => {
  await using directory = await temporaryDirectory()
  const { layout } = await initDirectory(directory.path, after(0))
  const other = await issue(await createAuthority(), { commonName: 'gw.example.org', days: 1 })
  await writeFile(layout.certs.certificate, other.certificate)
  await writeFile(layout.certs.key, other.key)
  assert.deepEqual(await renewExpiring(directory.path, after(2)), [])
})

test('nothing is renewed in vain near the end of the CA, and after it there is a hint', async () => {
  await using directory = await temporaryDirectory()
  await initDirectory(directory.path, after(0))
  const late = await renewExpiring(directory.path, after(3640))
  assert.equal(late.length, 3)
  assert.deepEqual(await renewExpiring(directory.path, after(3641)), [])
  await assert.rejects(renewExpiring(directory.path, after(3651)), UsageError)
})
