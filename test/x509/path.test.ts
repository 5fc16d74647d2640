import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Extension, KeyUsageFlags } from '../../src/ca/x509.ts'
import { readCertificate } from '../../src/x509/certificate.ts'
import { readLists } from '../../src/x509/crl.ts'
import { verifyPath } from '../../src/x509/path.ts'
import { createRevocations } from '../../src/x509/revocation.ts'
import { openssl } from '../ca/openssl.ts'
import { type Made, makeCertificate, makeList, onlyFor } from '../support/certificates.ts'

const CLIENT = '1.3.6.1.5.5.7.3.2'
const SERVER = '1.3.6.1.5.5.7.3.1'
let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wott-path-'))
})
after(() => rm(directory, { recursive: true, force: true }))

interface Case {
  readonly leaf: Made
  readonly sent?: Made[]
  readonly trusted: Made[]
  readonly lists?: string[]
}

const roots = (trusted: Made[]) => {
  const all = trusted.map(({ der }) => readCertificate(der))
  return {
    isAnchor: ({ fingerprint }: { fingerprint: string }) =>
      all.some((one) => one.fingerprint === fingerprint && one.subject === one.issuer),
    named: (subject: string) => all.filter((one) => one.subject === subject),
  }
}

function ours({ leaf, sent = [], trusted, lists }: Case, more: object = {}) {
  const revocations =
    lists === undefined ? null : createRevocations(readLists(Buffer.from(lists.join(''))), more)
  return verifyPath(
    readCertificate(leaf.der),
    sent.map(({ der }) => readCertificate(der)),
    { authorities: roots(trusted), revocations },
    Date.now(),
  )
}

const objectionOf = (of: Case, more?: object) => {
  const { objection } = ours(of, more)
  return (
    objection &&
    `${objection.reason}${objection.authority ? ` ${objection.authority.subjectName}` : ''}`
  )
}

/** The verdict of OpenSSL; its -crl_check uses only the lists for the last certificate, as Mosquitto does. */
async function theirs({ leaf, sent = [], trusted, lists }: Case): Promise<boolean> {
  const file = async (name: string, texts: string[]) => {
    const path = join(directory, name)
    await writeFile(path, texts.join(''))
    return path
  }
  const { code } = await openssl(
    ...['verify', '-no-CApath', '-no-CAstore', '-purpose', 'sslclient'],
    ...[
      '-CAfile',
      await file(
        'ca',
        trusted.map(({ certificate }) => certificate),
      ),
    ],
    ...(sent.length > 0
      ? [
          '-untrusted',
          await file(
            'sent',
            sent.map(({ certificate }) => certificate),
          ),
        ]
      : []),
    ...(lists ? ['-crl_check', '-CRLfile', await file('lists', lists)] : []),
    await file('leaf', [leaf.certificate]),
  )
  return code === 0
}

describe('a path', () => {
  it('is valid exactly where OpenSSL says so', async () => {
    const root = await makeCertificate('Root')
    const tight = await makeCertificate('Tight', { pathLength: 0 })
    const late = await makeCertificate('Late', { from: -20, to: -1 })
    const one = await makeCertificate('One', { by: root })
    const two = await makeCertificate('Two', { by: one })
    const under = await makeCertificate('Under', { by: tight })
    const device = (by: Made, more = {}) =>
      makeCertificate('device', { by, authority: false, ...more })
    const impostor = await makeCertificate('Root')
    const servers = await makeCertificate('Servers', { by: root, purposes: [SERVER] })
    const plain = await device(root)
    const mute = await makeCertificate('Mute', { by: root, usages: KeyUsageFlags.cRLSign })
    const odd = (critical: boolean) => [new Extension('1.2.3.4', critical, Uint8Array.from([5, 0]))]
    const self = await makeCertificate('self', { authority: false })
    const cases: [string, Case][] = [
      ['root', { leaf: plain, trusted: [root] }],
      ['a stranger', { leaf: plain, trusted: [tight] }],
      ['an impostor', { leaf: plain, trusted: [impostor] }],
      ['both of one name', { leaf: plain, trusted: [impostor, root] }],
      ['an authority that is sent', { leaf: await device(two), sent: [one, two], trusted: [root] }],
      ['one that is not sent', { leaf: await device(two), sent: [two], trusted: [root] }],
      ['one that the operator has', { leaf: await device(two), sent: [two], trusted: [root, one] }],
      ['no root', { leaf: await device(one), trusted: [one] }],
      ['too long a path', { leaf: await device(under), sent: [under], trusted: [tight] }],
      ['a path just long enough', { leaf: await device(tight), trusted: [tight] }],
      ['an old root', { leaf: await device(late), trusted: [late] }],
      ['an old certificate', { leaf: await device(root, { from: -3, to: -1 }), trusted: [root] }],
      ['an early certificate', { leaf: await device(root, { from: 1 }), trusted: [root] }],
      ['one for servers', { leaf: await device(root, { purposes: [SERVER] }), trusted: [root] }],
      [
        'one for both',
        { leaf: await device(root, { purposes: [SERVER, CLIENT] }), trusted: [root] },
      ],
      [
        'one of an authority for servers',
        { leaf: await device(servers), sent: [servers], trusted: [root] },
      ],
      [
        'one that only encrypts',
        { leaf: await device(root, { usages: KeyUsageFlags.keyEncipherment }), trusted: [root] },
      ],
      [
        'one that agrees',
        { leaf: await device(root, { usages: KeyUsageFlags.keyAgreement }), trusted: [root] },
      ],
      ['one of a device', { leaf: await device(plain), sent: [plain], trusted: [root] }],
      [
        'one of an authority that may not sign',
        { leaf: await device(mute), sent: [mute], trusted: [root] },
      ],
      [
        'one with an odd extension',
        { leaf: await device(root, { extensions: odd(true) }), trusted: [root] },
      ],
      [
        'one with an odd note',
        { leaf: await device(root, { extensions: odd(false) }), trusted: [root] },
      ],
      ['one that is trusted by itself', { leaf: self, trusted: [self] }],
      ['one that signed itself', { leaf: self, trusted: [root] }],
    ]
    for (const [what, of] of cases)
      assert.equal(objectionOf(of) === null, await theirs(of), `${what}: ${objectionOf(of)}`)
  })

  it('is checked by issuer and serial number, with the lists that OpenSSL would use', async () => {
    const root = await makeCertificate('Root')
    const other = await makeCertificate('Other')
    const leaf = await makeCertificate('device', { by: root, authority: false, serial: '07' })
    const twin = await makeCertificate('twin', { by: other, authority: false, serial: '07' })
    const trusted = [root, other]
    const users = new Extension(...onlyFor('users'))
    const authorities = new Extension(...onlyFor('authorities'))
    const [empty, ofOther] = [await makeList(root), await makeList(other)]
    const cases: [string, Case][] = [
      ['its own list', { leaf, trusted, lists: [empty] }],
      ['revoked', { leaf, trusted, lists: [await makeList(root, { revoked: ['07'] }), ofOther] }],
      [
        'its twin',
        { leaf: twin, trusted, lists: [await makeList(root, { revoked: ['07'] }), ofOther] },
      ],
      ['the list of another', { leaf, trusted, lists: [ofOther] }],
      [
        'a list for users',
        { leaf, trusted, lists: [await makeList(root, { extensions: [users] })] },
      ],
      [
        'a list for authorities',
        { leaf, trusted, lists: [await makeList(root, { extensions: [authorities] })] },
      ],
      ['a late list', { leaf, trusted, lists: [await makeList(root, { to: -0.5 })] }],
      ['a list of tomorrow', { leaf, trusted, lists: [await makeList(root, { from: 1 })] }],
      [
        'a late list and a new one',
        { leaf, trusted, lists: [await makeList(root, { to: -0.5 }), empty] },
      ],
      [
        'a list that an impostor signed',
        { leaf, trusted, lists: [await makeList(await makeCertificate('Root'))] },
      ],
    ]
    for (const [what, of] of cases)
      assert.equal(objectionOf(of) === null, await theirs(of), `${what}: ${objectionOf(of)}`)
  })

  it('needs no list of the root, but is checked with one', async () => {
    const root = await makeCertificate('Root')
    const issuing = await makeCertificate('Issuing', { by: root })
    const leaf = await makeCertificate('device', { by: issuing, authority: false })
    const of = { leaf, sent: [issuing], trusted: [root] }
    const list = await makeList(issuing)
    assert.equal(objectionOf({ ...of, lists: [list] }), null)
    const revoked = await makeList(root, { revoked: [issuing.serial] })
    assert.equal(objectionOf({ ...of, lists: [list, revoked] }), 'CERT_REVOKED Issuing')
    assert.equal(objectionOf({ ...of, lists: [await makeList(root)] }), 'UNABLE_TO_GET_CRL')
    const late = await makeList(root, { to: -0.5 })
    assert.equal(objectionOf({ ...of, lists: [list, late] }), 'CRL_HAS_EXPIRED Issuing')
  })

  it('may be checked with an expired list, which still revokes', async () => {
    const root = await makeCertificate('Root')
    const leaf = await makeCertificate('device', { by: root, authority: false })
    const of = { leaf, trusted: [root], lists: [await makeList(root, { to: -0.5 })] }
    assert.equal(objectionOf(of), 'CRL_HAS_EXPIRED')
    assert.equal(objectionOf(of, { allowExpired: true }), null)
    const revoked = [await makeList(root, { to: -0.5, revoked: [leaf.serial] })]
    assert.equal(objectionOf({ ...of, lists: revoked }, { allowExpired: true }), 'CERT_REVOKED')
  })

  it('is refused with the certificate at fault', async () => {
    const late = await makeCertificate('Late', { from: -20, to: -1 })
    const leaf = await makeCertificate('device', { by: late, authority: false, from: -5, to: -1 })
    assert.equal(objectionOf({ leaf, trusted: [late] }), 'CERT_HAS_EXPIRED Late')
    const root = await makeCertificate('Root')
    const old = await makeCertificate('device', { by: root, authority: false, from: -5, to: -1 })
    assert.equal(objectionOf({ leaf: old, trusted: [root] }), 'CERT_HAS_EXPIRED')
    assert.equal(objectionOf({ leaf: old, trusted: [late] }), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  })

  it('is found among many CAs of one name without trying each', async () => {
    const root = await makeCertificate('Root')
    const leaf = await makeCertificate('device', { by: root, authority: false })
    const many = await Promise.all(
      Array.from({ length: 40 }, () => makeCertificate('Root', { by: root })),
    )
    assert.equal(objectionOf({ leaf, sent: many, trusted: [root] }), null)
    const stranger = await makeCertificate('Root')
    assert.notEqual(objectionOf({ leaf, sent: many, trusted: [stranger] }), null)
  })

  it('is valid until the first of its certificates and lists expires', async () => {
    const root = await makeCertificate('Root', { to: 5 })
    const leaf = await makeCertificate('device', { by: root, authority: false, to: 9 })
    const of = { leaf, trusted: [root] }
    const untilOf = (verdict: ReturnType<typeof ours>) => (verdict.objection ? 0 : verdict.until)
    assert.equal(untilOf(ours(of)), root.parsed.notAfter.getTime())
    const list = await makeList(root, { to: 2 })
    assert.equal(
      untilOf(ours({ ...of, lists: [list] })),
      readLists(Buffer.from(list))[0]?.nextUpdate,
    )
    assert.equal(
      untilOf(ours({ ...of, lists: [list] }, { allowExpired: true })),
      root.parsed.notAfter.getTime(),
    )
  })
})
