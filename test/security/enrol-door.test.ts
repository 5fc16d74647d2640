import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { createAuthority } from '../../src/ca/authority.ts'
import { revokeDevice } from '../../src/ca/devices.ts'
import { issue } from '../../src/ca/issue.ts'
import { ECDSA_SHA256, generateKey, toPublicKey, toSigningKey } from '../../src/ca/p256.ts'
import { openAuthority } from '../../src/ca/signing.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import {
  AuthorityKeyIdentifierExtension,
  ChallengePasswordAttribute,
  X509Certificate as PeculiarCertificate,
  Pkcs10CertificateRequestGenerator,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '../../src/ca/x509.ts'
import { MAX_WAITING_PER_ADDRESS } from '../../src/enrol/book.ts'
import {
  type Answer,
  CACERTS,
  ENROL,
  type EnrolSite,
  type Pair,
  PEM,
  RENEW,
  type RequestFor,
  startEnrolSite,
} from '../enrol/site.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'

/** Certificates that a device gets at once. */
const BURST = 20

let site: EnrolSite
before(async () => {
  site = await startEnrolSite({ settings: { inviteGuesses: '1000' } })
})
after(() => site[Symbol.asyncDispose]())

async function enrol(basic: string, csr?: string, to = site): Promise<Answer> {
  const body = csr ?? (await to.request(null)).csr
  return to.ask(ENROL, { basic, body, headers: PEM })
}

async function renew(as: Pair, options: RequestFor & { readonly name?: string } = {}) {
  const { csr } = await site.request(options.name ?? null, options)
  return site.ask(RENEW, { as, body: csr, headers: PEM })
}

/** Certificates of a device in the ledger. */
async function issuedTo(id: string, at = site): Promise<number> {
  return (await at.ledger()).filter((line) => line.event === 'issued' && line.id === id).length
}

function assertRefused({ status, body }: Answer, expected: number, why: RegExp): void {
  assert.equal(status, expected, body)
  assert.match(body, why)
  assert.doesNotMatch(body, /BEGIN CERTIFICATE-/)
}

describe('an invite', () => {
  it('that was used is useless for a thief; a replay is only answered for the same key', async () => {
    const token = await site.invite('victim')
    const { csr } = await site.request(null)
    assert.equal((await enrol(`victim:${token}`, csr)).status, 200)
    assertRefused(await enrol(`victim:${token}`), 401, /used before/)
    assert.equal((await enrol(`victim:${token}`, csr)).status, 200)
  })

  it('cannot be guessed, and is valid for only one name', async () => {
    const token = await site.invite('guessed')
    assertRefused(
      await enrol('guessed:aaaaaaaaaaaaaaaaaaaaaaaaaa'),
      401,
      /This invite is not valid/,
    )
    assertRefused(await enrol(`other:${token}`), 401, /This invite is not valid/)
    assertRefused(await enrol(`${token}:`), 401, /This invite is not valid/)
    assert.equal((await enrol(`guessed:${token}`)).status, 200)
  })

  it('that has expired is refused', async () => {
    const token = await site.invite('late', -1)
    assertRefused(await enrol(`late:${token}`), 401, /invite/)
    assert.equal(await issuedTo('late.d.wott.local'), 0)
  })

  it('cannot be tried more often with parallel requests', async () => {
    await using strict = await startEnrolSite({ settings: { inviteGuesses: '3' } })
    const { csr } = await strict.request(null)
    const tries = Array.from({ length: 20 }, () => enrol('x:wrong', csr, strict))
    const answers = (await Promise.all(tries)).map(({ status }) => status)
    assert.equal(answers.filter((status) => status === 401).length, 3)
    assert.equal(answers.filter((status) => status === 429).length, 17)
  })

  it('can be tried a limited number of times per minute; after that only certificates are accepted', async () => {
    await using strict = await startEnrolSite({ settings: { inviteGuesses: '3' } })
    const device = await strict.enrolled('honest')
    const { csr } = await strict.request(null)
    for (let n = 0; n < 3; n += 1) assert.equal((await enrol('x:wrong', csr, strict)).status, 401)
    const token = await strict.invite('waits')
    const refused = await enrol(`waits:${token}`, csr, strict)
    assert.equal(refused.status, 429)
    assert.match(String(refused.headers['retry-after']), /^\d+$/)
    // the API of the agent does not reveal whether a token is right either
    assert.equal((await strict.ask('/v0.2/generate-id', { basic: `waits:${token}` })).status, 429)
    assert.equal((await strict.ask(RENEW, { as: device, body: csr })).status, 200)
  })
})

describe('a certificate signing request', () => {
  const id = 'asker.d.wott.local'
  let asker: Pair
  before(async () => {
    asker = await site.enrolled('asker')
  })

  it("for another device's name is refused", async () => {
    assertRefused(await renew(asker, { name: 'sensor.d.wott.local' }), 400, /sensor\.d/)
    assertRefused(await renew(asker, { name: 'gateway.d.wott.local' }), 400, /gateway\.d/)
    const two = { subject: `/CN=${id}/CN=sensor.d.wott.local` }
    assertRefused(await renew(asker, two), 400, /sensor\.d/)
    const token = await site.invite('newcomer')
    const { csr } = await site.request('sensor.d.wott.local')
    assertRefused(await enrol(`newcomer:${token}`, csr), 400, /sensor\.d/)
  })

  for (const san of [
    'DNS:sensor.d.wott.local',
    'DNS:*',
    'IP:10.0.0.1',
    'email:a@example.org',
    'URI:https://example.org',
  ])
    it(`with the alternative name ${san} is refused`, async () => {
      const req = ['-addext', `subjectAltName=DNS:${id},${san}`]
      assertRefused(await renew(asker, { name: id, req }), 400, /asks for/)
    })

  it('for a CA certificate gets a certificate that is not a CA', async () => {
    const req = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign']
    const { status, body } = await renew(asker, { name: id, req })
    assert.equal(status, 200)
    const { ca, keyUsage } = new X509Certificate(body)
    assert.deepEqual([ca, keyUsage], [false, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']])
  })

  for (const [what, key] of [
    ['RSA of 1,024 bits', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']],
    ['P-224', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-224']],
    ['secp256k1', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
    ['Ed25519', ['-algorithm', 'ED25519']],
  ] as const)
    it(`with a key of ${what} is refused`, async () => {
      assertRefused(await renew(asker, { key }), 400, /P-256|not valid/)
    })

  it('with the key of another device, or of a revoked certificate, is refused', async () => {
    const token = await site.invite('twin')
    const { csr, keyFile } = await site.request(null)
    assert.equal((await enrol(`twin:${token}`, csr)).status, 200)
    assertRefused(await renew(asker, { keyFile }), 400, /another device/)
    await revokeDevice(site.path, 'twin')
    assertRefused(await enrol(`twin:${await site.invite('twin')}`, csr), 400, /revoked/)
  })

  it('that is not signed by its own key is refused', async () => {
    const { csr } = await site.request(id)
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1)
    const body = der.toString('base64')
    assertRefused(await site.ask(ENROL, { as: asker, body, basic: 'a:b' }), 400, /not signed/)
    assertRefused(await site.ask(RENEW, { as: asker, body }), 400, /not signed/)
  })

  it('of more than 16 KiB is not read', async () => {
    const { status } = await site.ask(RENEW, { as: asker, body: Buffer.alloc(16_385, 'A') })
    assert.equal(status, 413)
    const agent = await site.ask('/v0.2/sign-csr', {
      as: asker,
      body: JSON.stringify({ csr: 'A'.repeat(40_000) }),
    })
    assert.equal(agent.status, 413)
    assert.equal(typeof JSON.parse(agent.body).detail, 'string')
  })

  it('that is invalid is refused', async () => {
    for (const body of [
      '',
      'x',
      '{}',
      'MAA=',
      Buffer.alloc(16_000, 'MIIB'),
      '-----BEGIN CERTIFICATE REQUEST-----',
    ])
      assert.equal((await site.ask(RENEW, { as: asker, body })).status, 400, String(body))
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`that was made for another connection is refused, over ${version}`, async () => {
      const options = {
        host: '127.0.0.1',
        port: site.port,
        ca: site.ca,
        maxVersion: version,
      }
      const ask = async (bindingOf: (socket: TLSSocket) => string) => {
        const socket = connect({
          ...options,
          cert: asker.certificate,
          key: asker.key,
          servername: 'localhost',
        })
        await once(socket, 'secureConnect')
        const body = await boundRequest(asker.key, bindingOf(socket))
        socket.write(
          `POST ${RENEW} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
        const [answer] = rawAnswers(await untilClosed(socket))
        return answer as Answer
      }
      assertRefused(await ask(() => 'c3RvbGVu'), 400, /channel binding/)
      const right = await ask((socket) =>
        version === 'TLSv1.2'
          ? (socket.getFinished()?.toString('base64') ?? '')
          : socket
              .exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
              .toString('base64'),
      )
      assert.equal(right.status, 200, right.body)
    })
})

/** A signing request in base64 with a challenge password. */
async function boundRequest(key: string, password: string): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey: toSigningKey(key), publicKey: toPublicKey(key) as CryptoKey },
    signingAlgorithm: ECDSA_SHA256,
    attributes: [new ChallengePasswordAttribute(password)],
  })
  return request.toString('base64')
}

/** A forged expired certificate for the forger's key. The forger can copy from the CA's certificate, which is public. */
interface Forgery {
  readonly issuer: string
  /** PEM. */
  readonly signedBy: string
  readonly keyIdentifier?: Buffer
  readonly serial?: string
  readonly key: string
}

async function forge({
  issuer,
  signedBy,
  keyIdentifier,
  serial = '7b',
  key,
}: Forgery): Promise<Pair> {
  const forged = await X509CertificateGenerator.create({
    serialNumber: serial,
    subject: 'CN=sensor.d.wott.local',
    issuer,
    notBefore: new Date(Date.now() - 37 * DAY_MS),
    notAfter: new Date(Date.now() - 7 * DAY_MS),
    publicKey: toPublicKey(key),
    signingKey: toSigningKey(signedBy),
    signingAlgorithm: ECDSA_SHA256,
    extensions: keyIdentifier
      ? [new AuthorityKeyIdentifierExtension(keyIdentifier.toString('hex'))]
      : [],
  })
  return { certificate: `${forged.toString('pem')}\n`, key }
}

describe('a forged expired certificate', () => {
  const issuer = 'CN=WoTT device CA'
  const key = generateKey()
  /** Checks that it gets nothing; the connection may also end during the handshake. */
  async function assertUseless(as: Pair): Promise<void> {
    const before = await issuedTo('sensor.d.wott.local')
    const { csr } = await site.request('sensor.d.wott.local')
    const body = JSON.stringify({ csr })
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      for (const asking of [
        () => site.ask(RENEW, { as, maxVersion, body: csr }),
        () => site.ask('/v0.2/hello', { as, maxVersion }),
        () => site.ask('/v0.2/sign-expired-csr', { as, maxVersion, body }),
      ]) {
        const answer = await asking().catch(() => null)
        assert.ok(answer === null || [401, 403, 202].includes(answer.status), `${answer?.body}`)
      }
    // it is not identified, so it may only wait for approval, as anyone may
    assert.equal(await issuedTo('sensor.d.wott.local'), before)
    const shown = (await site.ledger()).filter((line) => line.event === 'presented')
    assert.ok(!shown.some((line) => line.id === 'sensor.d.wott.local'))
  }

  it("is self-signed, with the CA's name as issuer", async () => {
    await assertUseless(await forge({ issuer, signedBy: key, key }))
  })

  it('is from another CA with the same name', async () => {
    const other = await createAuthority()
    const old = Date.now() - 37 * DAY_MS
    const options = { commonName: 'sensor.d.wott.local', days: 30, notBefore: old }
    await assertUseless(await issue(other, options))
  })

  it("names the CA's key as its issuer key", async () => {
    const own = new PeculiarCertificate(site.ca).getExtension(SubjectKeyIdentifierExtension)
    const keyIdentifier = Buffer.from(own?.keyId ?? '', 'hex')
    await assertUseless(await forge({ issuer, signedBy: generateKey(), key, keyIdentifier }))
  })

  it('is a copy with the same serial number and another key', async () => {
    const { serial } = await site.expired('original', 7)
    await assertUseless(await forge({ issuer, signedBy: generateKey(), serial, key }))
    // ledgers before 0.2 have only the serial numbers of certificates
    const { ledger } = site.layout.authority
    const text = await readFile(ledger, 'utf8')
    await writeFile(ledger, text.replace(/("id":"original\..*),"fingerprint":"[^"]+"/, '$1'))
    await assertUseless(await forge({ issuer, signedBy: generateKey(), serial, key }))
  })

  it('is from the same CA, but not in its ledger', async () => {
    const authority = await openAuthority(site.layout)
    const old = Date.now() - 37 * DAY_MS
    const options = { commonName: 'sensor.d.wott.local', days: 30, notBefore: old }
    await assertUseless(await issue(authority, options))
  })
})

describe('a certificate', () => {
  it('of another CA cannot be renewed', async () => {
    const other = await createAuthority({ commonName: 'Another CA' })
    const stranger = await issue(other, { commonName: 'sensor.d.wott.local', days: 30 })
    assertRefused(await renew(stranger), 401, /from this CA/)
    assert.equal((await site.ask('/v0.2/hello', { as: stranger })).status, 403)
  })

  it('that is revoked cannot be renewed, also not with its fallback token, and an invite does not accept its key', async () => {
    const token = await site.invite('gone')
    const { csr, key } = await site.request(null)
    const body = JSON.stringify({ csr })
    const first = JSON.parse(
      (await site.ask('/v0.2/sign-csr', { basic: `gone:${token}`, body })).body,
    )
    await revokeDevice(site.path, 'gone')
    assertRefused(await renew({ certificate: first.certificate, key }), 403, /revoked/)
    const again = JSON.stringify({
      csr: (await site.request(null)).csr,
      device_id: 'gone.d.wott.local',
      fallback_token: first.fallback_token,
    })
    assertRefused(await site.ask('/v0.2/sign-expired-csr', { body: again }), 403, /revoked/)
  })

  it('that was replaced cannot be renewed, and the log warns of a copy', async () => {
    const copied = await site.enrolled('copied')
    const { csr, key } = await site.request(null)
    const renewed = await site.ask(RENEW, { as: copied, body: csr, headers: PEM })
    // the old one is valid until the device has used the new one, because the answer may be lost
    assert.equal((await renew(copied)).status, 200)
    await site.ask(CACERTS, { as: { certificate: renewed.body, key } })
    // certificates that a holder of the old key got later are treated like the old one
    assertRefused(await renew(copied), 403, /newer certificate/)
    const line = await site.logged(({ reason }) => reason === 'certificate_superseded')
    assert.equal(line.device, 'copied.d.wott.local')
    assert.match(String(line.msg), /copy of the key/)
  })

  it('is not read from a header', async () => {
    const { certificate } = await site.enrolled('honest')
    const headers = {
      'ssl-client-verify': 'SUCCESS',
      'ssl-client-subject-dn': 'CN=honest.d.wott.local',
      'ssl-client-cert': encodeURIComponent(certificate),
      'x-forwarded-client-cert': encodeURIComponent(certificate),
    }
    const { csr } = await site.request(null)
    assert.equal((await site.ask('/v0.2/hello', { headers })).status, 403)
    assertRefused(await site.ask(RENEW, { headers, body: csr }), 401, /Show the certificate/)
  })

  it('is issued to one device at a limited rate', async () => {
    const eager = await site.enrolled('eager')
    const { csr } = await site.request(null)
    for (let n = 1; n < BURST; n += 1)
      assert.equal((await site.ask(RENEW, { as: eager, body: csr })).status, 200)
    const refused = await site.ask(RENEW, { as: eager, body: csr })
    assertRefused(refused, 429, /too many certificates/)
    assert.match(String(refused.headers['retry-after']), /^\d+$/)
  })
})

describe('the queue of waiting devices', () => {
  it('accepts a few devices from one address, and leaves room for other addresses', async () => {
    const waiting: number[] = []
    for (let n = 0; n <= MAX_WAITING_PER_ADDRESS; n += 1) {
      const { csr } = await site.request(`spam${n}`)
      waiting.push((await site.ask(ENROL, { body: csr })).status)
    }
    assert.equal(waiting.at(-1), 503)
    const { csr } = await site.request('neighbour')
    const other = await site.ask(ENROL, { body: csr, localAddress: '127.0.0.2' })
    assert.equal(other.status, 202)
  })

  it('does not exist if approval is off', async () => {
    await using strict = await startEnrolSite({ settings: { enrolApproval: 'off' } })
    const { csr } = await strict.request('shed')
    const { status, headers } = await strict.ask(ENROL, { body: csr })
    assert.equal(status, 401)
    assert.match(String(headers['www-authenticate']), /^Basic/)
  })
})
