import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { loadAuthority } from '../../src/ca/authority.ts'
import { createCrl } from '../../src/ca/crl.ts'
import { addDevice, listDevices, renewDevice, revokeDevice } from '../../src/ca/devices.ts'
import { certificatesIn, fingerprintOf, trustedCertificates } from '../../src/ca/in-force.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { readIssued } from '../../src/ca/issued.ts'
import { type Layout, layoutOf } from '../../src/ca/layout.ts'
import { appendToLedger } from '../../src/ca/ledger.ts'
import { renewExpiring } from '../../src/ca/renew.ts'
import { caStatus, finishRotation, startRotation } from '../../src/ca/rotation.ts'
import { openAuthority } from '../../src/ca/signing.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { UsageError } from '../../src/errors.ts'
import { start } from './child.ts'
import { openssl } from './openssl.ts'
import { initialisedDirectory, temporaryDirectory } from './temporary.ts'

/** A time so long ago that every gateway has read its files since. */
function earlier(): number {
  return Date.now() - 10_000
}

/** The verdict of OpenSSL on a certificate, with the CAs that `serve` trusts: `OK` or its error. */
async function verdict(layout: Layout, certificate: string): Promise<string> {
  const { code, output } = await openssl(
    ...['verify', '-crl_check', '-CRLfile', layout.authority.crl],
    ...['-CAfile', layout.certs.ca, certificate],
  )
  return code === 0 ? 'OK' : (/lookup: (.*)/.exec(output)?.[1] ?? output)
}

function verdicts(layout: Layout, certificates: readonly string[]): Promise<string[]> {
  return Promise.all(certificates.map((certificate) => verdict(layout, certificate)))
}

function certificateOf(layout: Layout, name: string): string {
  return join(layout.devices, name, 'client.crt')
}

/** A copy of a certificate, which does not change with the files here. */
async function copyOf(layout: Layout, name: string): Promise<string> {
  const copy = join(layout.directory, `${name}-before.crt`)
  await cp(certificateOf(layout, name), copy)
  return copy
}

async function caCounts(layout: Layout): Promise<number[]> {
  const files = [layout.authority.certificate, layout.certs.ca]
  for (const name of await readdir(layout.devices)) files.push(join(layout.devices, name, 'ca.crt'))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return texts.map((text) => certificatesIn(text).length)
}

test('a rotation puts both CAs in force, and its end only the new one', async () => {
  await using directory = await initialisedDirectory()
  const { path, layout } = directory
  const sensor = await copyOf(layout, 'sensor')
  const gateway = await readFile(layout.certs.certificate, 'utf8')
  const oldKey = await readFile(layout.authority.key, 'utf8')
  const [old = ''] = await trustedCertificates(layout)

  const fingerprint = await startRotation(path, earlier())
  assert.deepEqual(await caCounts(layout), [2, 2, 2, 2])
  assert.deepEqual((await trustedCertificates(layout)).map(fingerprintOf), [
    fingerprintOf(old),
    fingerprint,
  ])
  assert.equal((await openAuthority(layout)).issuer.subject, 'CN=WoTT device CA 2')
  assert.equal(await readFile(layout.certs.certificate, 'utf8'), gateway)
  await renewDevice(path, 'sensor')
  await renewDevice(path, 'subscriber')
  for (const certificate of [
    ...[sensor, layout.certs.certificate],
    ...['sensor', 'subscriber'].map((name) => certificateOf(layout, name)),
  ])
    assert.equal(await verdict(layout, certificate), 'OK', certificate)

  assert.deepEqual(await finishRotation(path), [])
  assert.deepEqual(await caCounts(layout), [1, 1, 1, 1])
  for (const certificate of [layout.certs.certificate, certificateOf(layout, 'sensor')])
    assert.equal(await verdict(layout, certificate), 'OK', certificate)
  assert.match(await verdict(layout, sensor), /unable to get (local )?issuer certificate/)
  assert.deepEqual((await readdir(layout.authority.directory)).sort(), [
    ...['ca.crt', 'ca.key', 'crl.pem', 'issued.ndjson'],
  ])
  const key = await readFile(layout.authority.key, 'utf8')
  assert.notEqual(key, oldKey)
  loadAuthority(await readFile(layout.authority.certificate, 'utf8'), key)
  assert.deepEqual((await initDirectory(path)).created, [])
  assert.equal((await startRotation(path, earlier())).length, 64)
  assert.equal((await openAuthority(layout)).issuer.subject, 'CN=WoTT device CA 3')
})

test('the end of a rotation is refused while it would lock out a device, which is named', async () => {
  await using directory = await initialisedDirectory()
  const { path, layout } = directory
  await assert.rejects(finishRotation(path), /start with "wott-gateway ca rotate"/)
  await addDevice(path, 'ended', { days: 1, now: Date.now() - 2 * DAY_MS })
  await addDevice(path, 'revoked')
  await revokeDevice(path, 'revoked')
  await startRotation(path, earlier())
  await assert.rejects(startRotation(path), UsageError)
  await addDevice(path, 'young')
  await renewDevice(path, 'subscriber')
  const refused = (why: RegExp) =>
    assert.rejects(finishRotation(path), (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(
        error.message,
        /^1 active device could no longer connect:\n {2}sensor\.d\.wott\.local/,
      )
      assert.match(error.message, why)
      return true
    })
  await refused(/has only a certificate of the old CA/)
  const before = await caStatus(path)
  assert.deepEqual(before.leftBehind, [{ id: 'sensor.d.wott.local', why: 'unmoved' }])
  assert.deepEqual(
    before.authorities.map(({ role, devices }) => [role, devices]),
    [
      ['leaving', 1],
      ['new', 2],
    ],
  )

  // issued over the network, where the device may not have received the answer
  await renewDevice(path, 'sensor')
  const ledger = await readFile(layout.authority.ledger, 'utf8')
  const lines = ledger.trimEnd().split('\n')
  const last = (lines.pop() ?? '').replace('"via":"renew"', '"via":"certificate"')
  await writeFile(layout.authority.ledger, `${[...lines, last].join('\n')}\n`)
  await refused(/has not used it on the enrol door yet/)
  const { id, serial, issuer } = JSON.parse(last)
  const time = new Date().toISOString()
  await appendToLedger(layout.authority.ledger, [{ event: 'presented', time, id, serial, issuer }])
  assert.deepEqual(await finishRotation(path), [])
  // also when the end is requested again
  assert.deepEqual(await finishRotation(path), [])
})

test('devices that are locked out by force are named, and can be added again', async () => {
  await using directory = await initialisedDirectory()
  const { path, layout } = directory
  await startRotation(path, earlier())
  const left = await finishRotation(path, { force: true })
  assert.deepEqual(
    left.map(({ id }) => id),
    ['sensor.d.wott.local', 'subscriber.d.wott.local'],
  )
  assert.deepEqual(
    (await listDevices(path)).map(({ state }) => state),
    ['untrusted', 'untrusted'],
  )
  await revokeDevice(path, 'subscriber')
  assert.equal((await addDevice(path, 'subscriber')).state, 'active')
  assert.equal(await verdict(layout, certificateOf(layout, 'subscriber')), 'OK')
})

test('each CA revokes only its own certificates, also where serial numbers are the same', async () => {
  await using directory = await initialisedDirectory()
  const { path, layout } = directory
  const [sensor, subscriber] = [await copyOf(layout, 'sensor'), await copyOf(layout, 'subscriber')]
  await startRotation(path, earlier())
  await renewDevice(path, 'sensor')
  await revokeDevice(path, 'sensor')
  await renewDevice(path, 'subscriber')
  for (const certificate of [sensor, certificateOf(layout, 'sensor')])
    assert.equal(await verdict(layout, certificate), 'certificate revoked')
  for (const certificate of [subscriber, certificateOf(layout, 'subscriber')])
    assert.equal(await verdict(layout, certificate), 'OK')

  // as if the new CA had used a serial number of the old one
  const issued = await readIssued(layout)
  const [old] = issued.filter(({ id }) => id === 'sensor.d.wott.local')
  assert.ok(old)
  const { fingerprint: issuer } = (await caStatus(path)).authorities[1] ?? {}
  const twin = { event: 'issued', time: new Date().toISOString(), id: 'twin', serial: old.serial }
  const notAfter = new Date(old.notAfter).toISOString()
  await appendFile(layout.authority.ledger, `${JSON.stringify({ ...twin, notAfter, issuer })}\n`)
  const twins = (await readIssued(layout)).filter(({ serial }) => serial === old.serial)
  assert.deepEqual(
    twins.map(({ id, revokedAt }) => [id, revokedAt === null]),
    [
      ['sensor.d.wott.local', false],
      ['twin', true],
    ],
  )
})

test('a list that was lost during a rotation is signed again by both CAs', async () => {
  await using directory = await initialisedDirectory()
  const { path, layout } = directory
  const sensor = await copyOf(layout, 'sensor')
  await startRotation(path, earlier())
  await renewDevice(path, 'sensor')
  await revokeDevice(path, 'sensor')
  const { authority } = layout
  // as in an old copy
  const old = loadAuthority(
    await readFile(authority.certificate, 'utf8'),
    await readFile(authority.key, 'utf8'),
  )
  await writeFile(authority.crl, await createCrl(old))
  await initDirectory(path)
  for (const certificate of [sensor, certificateOf(layout, 'sensor')])
    assert.equal(await verdict(layout, certificate), 'certificate revoked')
})

test('the sample devices get certificates of the new CA when dev renews them', async () => {
  await using directory = await initialisedDirectory()
  await startRotation(directory.path, earlier())
  const renewed = await renewExpiring(directory.path)
  assert.deepEqual(
    renewed.map(({ id }) => id),
    ['sensor.d.wott.local', 'subscriber.d.wott.local'],
  )
  assert.deepEqual(await renewExpiring(directory.path), [])
  assert.deepEqual(await finishRotation(directory.path), [])
})

test('a rotation keeps CAs that a person added, and a gateway certificate from elsewhere', async () => {
  await using directory = await initialisedDirectory()
  await using other = await temporaryDirectory()
  const { path, layout } = directory
  const { layout: foreignLayout } = await initDirectory(other.path)
  const [foreign = ''] = await trustedCertificates(foreignLayout)
  await appendFile(layout.certs.ca, foreign)
  const own = await readFile(foreignLayout.certs.certificate, 'utf8')
  await writeFile(layout.certs.certificate, own)
  await startRotation(path, earlier())
  assert.equal(certificatesIn(await readFile(layout.certs.ca, 'utf8')).length, 3)
  await finishRotation(path, { force: true })
  const kept = certificatesIn(await readFile(layout.certs.ca, 'utf8')).map(fingerprintOf)
  assert.ok(kept.includes(fingerprintOf(foreign)))
  assert.equal(kept.length, 2)
  assert.equal(await readFile(layout.certs.certificate, 'utf8'), own)
})

/**
 * The code of a child that does `work` on a directory, and copies the directory before each change into a numbered folder: what a
 * kill at that change would leave.
 */
function copiedAtEachChange(work: string): string {
  return `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const [, directory, copies] = process.argv
    let step = 0
    const files = fs.promises
    for (const name of ['rename', 'rm', 'open']) {
      const original = files[name]
      files[name] = (...args) => {
        // opening a file to read it, or one that nobody sees yet, is not a change
        const isStep = name === 'open' ? args[1] === 'r+' : name === 'rename' || !args[1]?.force
        if (isStep) fs.cpSync(directory, copies + '/' + step++, { recursive: true })
        return original(...args)
      }
    }
    syncBuiltinESMExports()
    const { startRotation, finishRotation } = await import('src/ca/rotation.ts')
    const now = Date.now() - 10_000
    await ${work}(directory, '${work}' === 'startRotation' ? now : { now })
  `
}

for (const work of ['startRotation', 'finishRotation'] as const)
  test(`a ${work} that is killed at any change is undone or completed by the next command`, async () => {
    await using directory = await initialisedDirectory()
    await using copies = await temporaryDirectory()
    if (work === 'finishRotation') {
      await startRotation(directory.path, earlier())
      await renewDevice(directory.path, 'sensor')
      await renewDevice(directory.path, 'subscriber')
    }
    const child = start(copiedAtEachChange(work), directory.path, copies.path)
    assert.deepEqual(await once(child, 'close'), [0, null])
    const goodIn = (layout: Layout) => [
      layout.certs.certificate,
      ...['sensor', 'subscriber'].map((name) => certificateOf(layout, name)),
    ]
    assert.deepEqual(await verdicts(directory.layout, goodIn(directory.layout)), ['OK', 'OK', 'OK'])

    let undone = 0
    let completed = 0
    for (const step of await readdir(copies.path)) {
      const path = join(copies.path, step)
      const layout = layoutOf(path)
      const good = goodIn(layout)
      // a gateway that starts in between accepts the same devices as before
      assert.deepEqual(await verdicts(layout, good), ['OK', 'OK', 'OK'], `step ${step}`)

      const kitchen = await addDevice(path, 'kitchen')
      const { authorities } = await caStatus(path)
      const isNew = authorities.length === (work === 'startRotation' ? 2 : 1)
      if (isNew) completed += 1
      else undone += 1
      const counts = new Set(await caCounts(layout))
      assert.deepEqual([...counts], [authorities.length])
      const all = [...good, join(kitchen.directory, 'client.crt')]
      assert.deepEqual(await verdicts(layout, all), ['OK', 'OK', 'OK', 'OK'], `step ${step}`)
      const left = await readdir(path, { recursive: true })
      assert.deepEqual(
        left.filter((name) => basename(name).startsWith('.new-')),
        [],
      )
      if (!isNew) await (work === 'startRotation' ? startRotation : finishRotation)(path)
    }
    assert.ok(undone > 0 && completed > 4, `${undone} undone, ${completed} completed`)
  })
