import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAuthority } from '../../src/ca/authority.ts'
import { createCrl } from '../../src/ca/crl.ts'
import { REVOCATION_REASONS } from '../../src/ca/ledger-line.ts'
import { readCrl } from '../../src/ca/read-crl.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { openssl } from './openssl.ts'
import { temporaryDirectory } from './temporary.ts'

const authority = await createAuthority()
const NOON = Date.UTC(2026, 10, 23, 12)

test('OpenSSL reads a list of version 2 with a number and the signature of the CA', async () => {
  await using directory = await temporaryDirectory()
  const [ca, crl] = [join(directory.path, 'ca.crt'), join(directory.path, 'crl.pem')] as const
  await writeFile(ca, authority.certificate)
  const first = await createCrl(authority, { revoked: new Map([['0A', NOON]]) })
  await writeFile(crl, await createCrl(authority, { previous: first }))
  const { code, output } = await openssl('crl', '-in', crl, '-CAfile', ca, '-noout', '-text')
  assert.equal(code, 0, output)
  for (const fact of [
    'verify OK',
    'Version 2 (0x1)',
    'ecdsa-with-SHA256',
    'X509v3 Authority Key Identifier',
    'X509v3 CRL Number: \n                2\n',
    'Serial Number: 0A\n        Revocation Date: Nov 23 12:00:00 2026 GMT',
  ])
    assert.ok(output.includes(fact), `${fact} is not in\n${output}`)
})

test('the next list keeps all revocations with their dates', async () => {
  const first = await createCrl(authority, { revoked: new Map([['0A', NOON]]) })
  const revoked = new Map([
    ['0A', NOON + 60_000],
    ['0B', NOON + 60_000],
  ])
  const second = readCrl(await createCrl(authority, { revoked, previous: first }))
  assert.deepEqual(Object.fromEntries(second.revoked), { '0A': NOON, '0B': NOON + 60_000 })
})

test('the number continues from a list that OpenSSL made, beyond one octet', async () => {
  await using directory = await temporaryDirectory()
  const crl = join(directory.path, 'crl.pem')
  for (const [before, after] of [
    ['7F', '80'],
    ['FF', '100'],
    ['FFFFFFFFFFFFFFFFFF', '1000000000000000000'],
  ] as const) {
    const previous = await opensslCrl(directory.path, { number: before })
    await writeFile(crl, await createCrl(authority, { previous }))
    const { output } = await openssl('crl', '-in', crl, '-noout', '-crlnumber')
    assert.match(output, new RegExp(`crlNumber=(0x)?0?${after}\n`))
  }
  const previous = await opensslCrl(directory.path)
  await writeFile(crl, await createCrl(authority, { previous }))
  const { output } = await openssl('crl', '-in', crl, '-noout', '-crlnumber')
  assert.match(output, /crlNumber=(0x)?0?1\n/)
})

test('a list is valid as long as the CA', async () => {
  assert.equal(readCrl(await createCrl(authority)).nextUpdate, authority.notAfter)
  const late = await createAuthority({ notBefore: Date.UTC(2045, 0, 1) })
  assert.equal(readCrl(await createCrl(late)).nextUpdate, late.notAfter)
})

test('every revoked serial number is found, and no other', async () => {
  const hexSerial = fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .filter((bytes) => bytes[0] !== 0 && (bytes[0] ?? 0) < 0x80)
    .map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase())
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(hexSerial, { maxLength: 20 }),
      hexSerial,
      async (serials, other) => {
        const revoked = new Map(serials.map((serial) => [serial, NOON]))
        const crl = readCrl(await createCrl(authority, { revoked }))
        assert.deepEqual([...crl.revoked], [...revoked])
        assert.ok(serials.every(crl.isRevoked))
        assert.equal(crl.isRevoked(other), serials.includes(other))
      },
    ),
    { numRuns: 20 },
  )
})

test('case and leading zeros of a serial number do not hide it', async () => {
  const crl = readCrl(await createCrl(authority, { revoked: new Map([['8ABC', NOON]]) }))
  for (const serial of ['8ABC', '8abc', '008ABC', '08ABC']) assert.ok(crl.isRevoked(serial), serial)
  for (const serial of ['', '8AB', '8ABC00', 'BC', 'xyz']) assert.ok(!crl.isRevoked(serial), serial)
})

test('lists that OpenSSL made are read: both versions, several in one file', async () => {
  await using directory = await temporaryDirectory()
  const lists = [
    await opensslCrl(directory.path),
    await opensslCrl(directory.path, { number: '01' }),
  ]
  for (const list of lists) {
    const crl = readCrl(list)
    assert.deepEqual([...crl.revoked], [['FF01', NOON]])
    assert.ok(Math.abs(crl.thisUpdate - Date.now()) < 60_000)
    assert.ok(Math.abs(crl.nextUpdate - Date.now() - 7 * DAY_MS) < 60_000)
  }
  const old = Date.now() - DAY_MS
  const own = await createCrl(authority, { thisUpdate: old, revoked: new Map([['0B', NOON]]) })
  const both = readCrl(`${own}${lists[0]}`)
  assert.ok(both.isRevoked('0B') && both.isRevoked('FF01'))
  assert.ok(both.nextUpdate < authority.notAfter, 'nextUpdate is not the earlier of the two')
  assert.equal(both.thisUpdate, readCrl(lists[0] as string).thisUpdate)
})

test('a damaged list is an error', async () => {
  assert.throws(() => readCrl(''), /X509 CRL/)
  assert.throws(() => readCrl(authority.certificate), /X509 CRL/)
  const pem = (der: Uint8Array) =>
    `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString('base64')}\n-----END X509 CRL-----\n`
  assert.throws(() => readCrl(pem(new Uint8Array())), /well-formed/)
  const text = await createCrl(authority, { revoked: new Map([['0A', NOON]]) })
  const der = Buffer.from(text.replace(/-----.*-----/g, ''), 'base64')
  for (let length = 0; length < der.length; length++)
    assert.throws(() => readCrl(pem(der.subarray(0, length))), /well-formed/)
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const damaged = Buffer.from(der)
      damaged[at] = (damaged[at] ?? 0) ^ mask
      try {
        readCrl(pem(damaged))
      } catch (error) {
        assert.match(String(error), /well-formed|not known here|delta|indirect|some reasons/)
      }
    }),
    { numRuns: 300 },
  )
})

/** A list for 7 days that revokes `FF01`, made by OpenSSL; of version 1 unless it has a number. */
async function opensslCrl(directory: string, { number }: { number?: string } = {}) {
  const at = (name: string) => join(directory, name)
  const revoked = 'R\t361231235959Z\t261123120000Z\tFF01\tunknown\t/CN=x\n'
  const numbered = number ? `crlnumber = ${at('number')}\ncrl_extensions = extensions\n` : ''
  const section = [
    '[list]',
    `database = ${at('index')}`,
    `certificate = ${at('ca.crt')}`,
    `private_key = ${at('ca.key')}`,
    'default_md = sha256',
    `${numbered}[extensions]`,
    'authorityKeyIdentifier = keyid',
  ]
  await Promise.all([
    writeFile(at('ca.crt'), authority.certificate),
    writeFile(at('ca.key'), authority.key),
    writeFile(at('index'), revoked),
    writeFile(at('number'), `${number}\n`),
    writeFile(at('ca.conf'), section.join('\n')),
  ])
  const arguments_ = ['-config', at('ca.conf'), '-name', 'list', '-gencrl', '-crldays', '7']
  const { code, output } = await openssl('ca', ...arguments_)
  assert.equal(code, 0, output)
  return output
}

test('a list holds the reason of each revocation, and so does the next one', async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'crl.pem')
  const reasons = new Map(REVOCATION_REASONS.map((reason, n) => [`0${n + 1}`, reason]))
  const revoked = new Map([...reasons.keys()].map((serial) => [serial, NOON]))
  const first = await createCrl(authority, { revoked, reasons })
  await writeFile(file, await createCrl(authority, { previous: first }))
  const { output } = await openssl('crl', '-in', file, '-noout', '-text')
  const said = output.match(/(?<=Reason Code: \n\s+).*|(?<=Invalidity Date: \n\s+).*/g)
  assert.deepEqual(
    said?.map((line) => line.trim()),
    [
      'Key Compromise',
      'Superseded',
      'Cessation Of Operation',
      'Privilege Withdrawn',
      new Date(NOON).toUTCString().replace(/^\w+, (\d+) (\w+) (\d+) ([\d:]+)/, '$2 $1 $4 $3'),
    ],
  )
})
