import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Extension } from '../../../src/ca/x509.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { GatewayError } from '../../../src/errors.ts'
import { createProver } from '../../../src/identity/proxy/prove.ts'
import type { Proof } from '../../../src/identity/verify.ts'
import { readCertificate } from '../../../src/x509/certificate.ts'
import { readLists } from '../../../src/x509/crl.ts'
import type { PathRules } from '../../../src/x509/path.ts'
import { createRevocations } from '../../../src/x509/revocation.ts'
import { weaknessIn } from '../../../src/x509/strength.ts'
import { openssl } from '../../ca/openssl.ts'
import { temporaryFolder } from '../../cli/program.ts'
import { type Made, makeCertificate, makeList } from '../../support/certificates.ts'
import { INTERMEDIATE, LEAF, ROOT } from './rfc9440-example.ts'

const { idPattern: pattern } = loadConfig({ WOTT_ACL_FILE: 'x' }).trust

function trustIn(anchors: Buffer[], lists?: string[]): PathRules {
  const all = anchors.map(readCertificate)
  return {
    authorities: {
      isAnchor: ({ fingerprint }) => all.some((one) => one.fingerprint === fingerprint),
      named: (subject) => all.filter((one) => one.subject === subject),
    },
    revocations: lists ? createRevocations(readLists(Buffer.from(lists.join('')))) : null,
  }
}

const proverOf = (anchors: Buffer[], lists?: string[], now?: () => number) =>
  createProver({ trust: () => trustIn(anchors, lists), pattern, ...(now ? { now } : {}) })

function outcome(proved: Proof | GatewayError): string {
  return proved instanceof GatewayError ? proved.code : proved.identity.id
}

const device = (by: Made, options: Parameters<typeof makeCertificate>[1] = {}) =>
  makeCertificate('sensor', { by, authority: false, ...options })

describe('a certificate from a proxy', () => {
  it('is accepted with its chain, in its time, as in the example of RFC 9440', () => {
    const [leaf, intermediate, root] = [LEAF, INTERMEDIATE, ROOT].map((text) =>
      Buffer.from(text, 'base64'),
    ) as [Buffer, Buffer, Buffer]
    const at = (date: string) => proverOf([root], undefined, () => Date.parse(date))
    const proved = at('2020-06-01').prove([leaf, intermediate])
    assert.ok(!(proved instanceof GatewayError))
    assert.deepEqual([proved.identity.id, proved.identity.serial], ['BC', '07'])
    assert.equal(proved.until, Date.parse('2021-01-23T22:55:33Z'))
    assert.equal(outcome(at('2020-06-01').prove([leaf])), 'certificate_untrusted')
    assert.equal(outcome(at('2022-06-01').prove([leaf, intermediate])), 'certificate_expired')
    assert.equal(outcome(at('2019-06-01').prove([leaf, intermediate])), 'certificate_untrusted')
  })

  it('is refused for every reason of a handshake', async () => {
    const root = await makeCertificate('root')
    const other = await makeCertificate('root')
    const good = await device(root)
    const prover = proverOf([root.der])
    assert.equal(outcome(prover.prove([good.der])), 'sensor')
    const name = new Extension('2.5.29.30', true, Buffer.from('3000', 'hex'))
    const constrained = await makeCertificate('below', { by: root, extensions: [name] })
    for (const [what, code, chain] of [
      ['another CA', 'certificate_untrusted', [(await device(other)).der]],
      ['itself', 'certificate_untrusted', [(await makeCertificate('sensor')).der]],
      ['its time', 'certificate_expired', [(await device(root, { from: -9, to: -1 })).der]],
      ['its start', 'certificate_untrusted', [(await device(root, { from: 1 })).der]],
      [
        'a purpose',
        'certificate_untrusted',
        [(await device(root, { purposes: ['1.3.6.1.5.5.7.3.1'] })).der],
      ],
      ['its key usage', 'certificate_untrusted', [(await device(root, { usages: 4 })).der]],
      [
        'a name',
        'identity_unusable',
        [(await makeCertificate('a/b', { by: root, authority: false })).der],
      ],
      ['a device as CA', 'certificate_untrusted', [(await device(good)).der, good.der]],
      [
        'constraints on names',
        'certificate_untrusted',
        [(await device(constrained)).der, constrained.der],
      ],
      ['bytes after it', 'certificate_untrusted', [Buffer.concat([good.der, Buffer.from('x')])]],
      ['PEM', 'certificate_untrusted', [Buffer.from(good.certificate)]],
      ['nonsense', 'certificate_untrusted', [Buffer.from('nonsense')]],
    ] as const)
      assert.equal(outcome(prover.prove([...chain])), code, what)
    const damaged = Buffer.from(good.der)
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1
    assert.equal(outcome(prover.prove([damaged])), 'certificate_untrusted')
  })

  it('is not affected by other certificates that are sent', async () => {
    const root = await makeCertificate('root')
    const below = await makeCertificate('below', { by: root })
    const forged = await makeCertificate('below', { by: await makeCertificate('root') })
    const good = await device(below)
    const prover = proverOf([root.der])
    assert.equal(outcome(prover.prove([good.der])), 'certificate_untrusted')
    assert.equal(outcome(prover.prove([good.der, forged.der])), 'certificate_untrusted')
    const chain = [good.der, Buffer.from('nonsense'), forged.der, good.der, below.der]
    assert.equal(outcome(prover.prove(chain)), 'sensor')
  })

  it('is checked with the lists, and again when they change', async () => {
    const root = await makeCertificate('root')
    const good = await device(root)
    let lists = [await makeList(root)]
    const prover = createProver({ trust: () => trustIn([root.der], lists), pattern })
    const proved = prover.prove([good.der])
    assert.ok(!(proved instanceof GatewayError))
    assert.equal(outcome(prover.again(proved)), 'sensor')
    lists = [await makeList(root, { revoked: [good.serial] })]
    assert.equal(outcome(prover.again(proved)), 'certificate_revoked')
    assert.equal(outcome(prover.prove([good.der])), 'certificate_revoked')
    lists = [await makeList(await makeCertificate('other'))]
    assert.equal(outcome(prover.prove([good.der])), 'certificate_untrusted')
  })

  for (const [what, args] of [
    ['a signature with SHA-1', ['-newkey', 'rsa:2048', '-sha1']],
    ['an RSA key of 1,024 bits', ['-newkey', 'rsa:1024']],
    ['a curve of 192 bits', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime192v1']],
  ] as const)
    it(`is refused for ${what}, as in a handshake`, async () => {
      await using folder = await temporaryFolder()
      const root = await makeCertificate('root')
      const file = (name: string) => `${folder.path}/${name}`
      await writeFile(file('root.key'), root.key)
      await writeFile(file('root.crt'), root.certificate)
      const { code, output } = await openssl(
        ...['req', '-x509', '-CA', file('root.crt'), '-CAkey', file('root.key'), ...args],
        ...['-nodes', '-subj', '/CN=sensor', '-days', '5', '-outform', 'DER'],
        ...['-addext', 'basicConstraints=critical,CA:false'],
        ...['-keyout', file('key'), '-out', file('crt')],
      )
      assert.equal(code, 0, output)
      const der = await readFile(file('crt'))
      assert.equal(outcome(proverOf([root.der]).prove([der])), 'certificate_untrusted')
    })
})

it('a key of each kind that OpenSSL accepts is strong enough', async () => {
  const root = readCertificate((await makeCertificate('root')).der)
  const withKey = (publicKey: object) => ({ ...root, x509: () => ({ publicKey }) as never })
  for (const pair of [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ml-dsa-44' as 'ed25519'),
  ])
    assert.equal(weaknessIn([withKey(pair.publicKey)]), null)
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  assert.equal(weaknessIn([withKey(weak.publicKey)])?.reason, 'EE_KEY_TOO_SMALL')
  assert.equal(weaknessIn([root, withKey(weak.publicKey)])?.reason, 'CA_KEY_TOO_SMALL')
})
