import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAuthority, loadAuthority } from '../../src/ca/authority.ts'
import { createCrl } from '../../src/ca/crl.ts'
import { issue } from '../../src/ca/issue.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { handshake } from './handshake.ts'
import { openssl } from './openssl.ts'
import { temporaryDirectory } from './temporary.ts'

const authority = await createAuthority()
const server = await issue(authority, { commonName: 'gateway', names: ['localhost'], days: 1 })
const trust = { ca: authority.certificate }

// the default format in which OpenSSL prints names changed in 3.2
const RFC2253 = ['-nameopt', 'RFC2253']

function pair({ certificate, key }: { certificate: string; key: string }) {
  return { cert: certificate, key }
}

test('OpenSSL accepts a device certificate for a client and a server, in strict mode', async () => {
  await using directory = await temporaryDirectory()
  const [ca, crt, crl] = ['ca.crt', 'client.crt', 'crl.pem'].map((f) =>
    join(directory.path, f),
  ) as [string, string, string]
  const device = await issue(authority, { commonName: 'kitchen.d.wott.local', days: 365 })
  await writeFile(ca, authority.certificate)
  await writeFile(crt, device.certificate)
  await writeFile(crl, await createCrl(authority))
  const against = [
    '-x509_strict',
    '-check_ss_sig',
    '-crl_check_all',
    '-CAfile',
    ca,
    '-CRLfile',
    crl,
  ]
  for (const purpose of ['sslclient', 'sslserver']) {
    const { code, output } = await openssl('verify', ...against, '-purpose', purpose, crt)
    assert.equal(code, 0, output)
  }
  const named = await openssl('verify', ...against, '-verify_hostname', 'kitchen.d.wott.local', crt)
  assert.equal(named.code, 0, named.output)

  await writeFile(
    crl,
    await createCrl(authority, { revoked: new Map([[device.serial, Date.now()]]) }),
  )
  const refused = await openssl('verify', ...against, crt)
  assert.equal(refused.code, 2)
  assert.match(refused.output, /certificate revoked/)
})

test('a device certificate has the fields of the contract', async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'client.crt')
  const names = ['kitchen.d.wott.local', 'localhost', '127.0.0.1', '::1']
  const device = await issue(authority, { commonName: 'kitchen.d.wott.local', names, days: 365 })
  await writeFile(file, device.certificate)
  const { output } = await openssl('x509', '-in', file, '-noout', '-text', '-serial', ...RFC2253)
  for (const fact of [
    'Version: 3 (0x2)',
    'Signature Algorithm: ecdsa-with-SHA256',
    'Issuer: CN=WoTT device CA',
    'Subject: CN=kitchen.d.wott.local\n',
    'ASN1 OID: prime256v1',
    'X509v3 Basic Constraints: critical\n                CA:FALSE',
    'X509v3 Key Usage: critical\n                Digital Signature\n',
    'TLS Web Client Authentication, TLS Web Server Authentication',
    'DNS:kitchen.d.wott.local, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    'X509v3 Subject Key Identifier',
    'X509v3 Authority Key Identifier',
    `serial=${device.serial}`,
  ])
    assert.ok(output.includes(fact), `${fact} is not in\n${output}`)
  assert.match(device.serial, /^[4-7][0-9A-F]{31}$/, '128 bits, positive')
  const { validFromDate, validToDate } = new X509Certificate(device.certificate)
  assert.equal(device.notAfter, validToDate.getTime())
  assert.equal(validToDate.getTime() - validFromDate.getTime(), 365 * DAY_MS)
  const backdated = Date.now() - validFromDate.getTime()
  assert.ok(backdated >= 5 * 60_000 && backdated < 6 * 60_000, `${backdated} ms`)
})

test('a CA can sign certificates and lists, but no other CA', async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'ca.crt')
  await writeFile(file, authority.certificate)
  const { output } = await openssl('x509', '-in', file, '-noout', '-text', ...RFC2253)
  for (const fact of [
    'Subject: CN=WoTT device CA\n',
    'X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0',
    'X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n',
    'X509v3 Subject Key Identifier',
  ])
    assert.ok(output.includes(fact), `${fact} is not in\n${output}`)
  const { validFromDate, validToDate } = new X509Certificate(authority.certificate)
  assert.equal(validToDate.getTime() - validFromDate.getTime(), 3650 * DAY_MS)
})

test('a mutual handshake succeeds', async () => {
  const device = await issue(authority, { commonName: 'kitchen.d.wott.local', days: 1 })
  assert.deepEqual(
    await handshake(
      { ...pair(server), ...trust, crl: await createCrl(authority) },
      { ...pair(device), ...trust },
    ),
    { refusal: null, mistrust: null, commonName: 'kitchen.d.wott.local' },
  )
})

test('certificates that a door must refuse can be made', async () => {
  const day = { days: 1 }
  const past = { notBefore: Date.now() - 2 * DAY_MS }
  const future = { notBefore: Date.now() + DAY_MS }
  const stranger = await createAuthority()
  const revoked = await issue(authority, { commonName: 'a', ...day })
  const crl = await createCrl(authority, { revoked: new Map([[revoked.serial, Date.now()]]) })
  const look = async (issued: { certificate: string; key: string }) => {
    const seen = await handshake({ ...pair(server), ...trust, crl }, { ...pair(issued), ...trust })
    return seen.refusal ?? seen.commonName
  }
  assert.equal(await look(revoked), 'CERT_REVOKED')
  const expired = await issue(authority, { commonName: 'a', ...day, ...past })
  assert.equal(await look(expired), 'CERT_HAS_EXPIRED')
  const early = await issue(authority, { commonName: 'a', ...day, ...future })
  assert.equal(await look(early), 'CERT_NOT_YET_VALID')
  const strange = await issue(stranger, { commonName: 'a', ...day })
  assert.equal(await look(strange), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  const two = await issue(authority, { commonName: ['a', 'b'], ...day })
  assert.deepEqual(await look(two), ['a', 'b'])
  assert.equal(await look(await issue(authority, { commonName: [], ...day })), undefined)
  // longer than X.509 allows, but OpenSSL accepts it
  const long = 'a'.repeat(253)
  assert.equal(await look(await issue(authority, { commonName: long, ...day })), long)
})

test('a certificate ends with its CA at the latest', async () => {
  const short = await createAuthority({ days: 2 })
  const { notAfter } = await issue(short, { commonName: 'a', days: 365 })
  assert.equal(notAfter, short.notAfter)
})

test('a certificate can be renewed for the same key', async () => {
  const first = await issue(authority, { commonName: 'a', days: 1 })
  const second = await issue(authority, { commonName: 'a', days: 2, key: first.key })
  assert.equal(second.key, first.key)
  assert.notEqual(second.serial, first.serial)
  const keys = [first, second].map(({ certificate }) =>
    new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' }),
  )
  assert.equal(keys[0], keys[1])
})

test('a CA is loaded from its PEM files only if certificate and key match', async () => {
  const loaded = loadAuthority(authority.certificate, authority.key)
  const { certificate } = await issue(loaded, { commonName: 'a', days: 1 })
  assert.ok(
    new X509Certificate(certificate).checkIssued(new X509Certificate(authority.certificate)),
  )
  const other = await createAuthority()
  assert.throws(() => loadAuthority(authority.certificate, other.key), /does not belong/)
  assert.throws(() => loadAuthority(server.certificate, server.key), /is not a CA certificate/)
  assert.throws(() => loadAuthority('', authority.key))
  assert.throws(() => loadAuthority(authority.certificate, ''))
})

test('dates beyond 2049 are written so that OpenSSL reads them', async () => {
  const late = await createAuthority({ notBefore: Date.UTC(2045, 0, 1) })
  assert.equal(new Date(late.notAfter).getUTCFullYear(), 2054)
})
