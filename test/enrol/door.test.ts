import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { addDevice, revokeDevice } from '../../src/ca/devices.ts'
import { withdrawInvites } from '../../src/enrol/operator.ts'
import { approveKey, denyKey } from '../../src/enrol/waiting-keys.ts'
import { CACERTS, ENROL, type EnrolSite, PEM, RENEW, startEnrolSite } from './site.ts'

let site: EnrolSite
before(async () => {
  site = await startEnrolSite()
})
after(() => site[Symbol.asyncDispose]())

describe('the enrol door', () => {
  it('gives an invited device a certificate for the name of its invite, and renews it', async () => {
    const kitchen = await site.enrolled('kitchen')
    const { subject, subjectAltName, ca } = new X509Certificate(kitchen.certificate)
    assert.deepEqual(
      [subject, subjectAltName, ca],
      ['CN=kitchen.d.wott.local', 'DNS:kitchen.d.wott.local', false],
    )
    const { csr } = await site.request('kitchen.d.wott.local')
    const renewed = await site.ask(RENEW, { as: kitchen, body: csr, headers: PEM })
    assert.equal(renewed.status, 200)
    assert.match(renewed.body, /^-----BEGIN CERTIFICATE-----/)
    assert.match(String(renewed.headers['content-type']), /^application\/pem-certificate-chain/)
    const events = (await site.ledger()).filter(({ id }) => id === 'kitchen.d.wott.local')
    assert.deepEqual(
      events.map(({ event, via }) => [event, via].filter(Boolean).join(' ')),
      ['invited', 'issued invite', 'presented', 'issued certificate'],
    )
  })

  it('notes that a device has received its certificate when it fetches the CA with it', async () => {
    const cellar = await site.enrolled('cellar')
    assert.equal((await site.ask(CACERTS, { as: cellar })).status, 200)
    const { serialNumber } = new X509Certificate(cellar.certificate)
    const shown = (await site.ledger()).filter(
      ({ event, serial }) => event === 'presented' && serial === serialNumber,
    )
    assert.equal(shown.length, 1)
  })

  it('serves the CA and its revocation list to everybody', async () => {
    assert.equal((await site.ask('/ca.crt')).body, site.ca)
    assert.match((await site.ask('/crl.pem')).body, /^-----BEGIN X509 CRL-----/)
  })

  it('answers in the format of each kind of client', async () => {
    const est = await site.ask('/.well-known/est/serverkeygen')
    assert.deepEqual([est.status, est.headers['content-type']], [404, 'text/plain; charset=utf-8'])
    const agent = await site.ask('/v0.2/nothing')
    assert.deepEqual(
      [agent.status, JSON.parse(agent.body)],
      [404, { detail: '/v0.2/nothing does not exist here.' }],
    )
    const other = await site.ask('/nothing')
    assert.deepEqual(
      [other.status, other.headers['content-type']],
      [404, 'application/problem+json'],
    )
    const large = await site.ask(ENROL, { body: Buffer.alloc(16_385, 'A') })
    assert.deepEqual(
      [large.status, large.headers['content-type']],
      [413, 'text/plain; charset=utf-8'],
    )
  })

  it('lets a key without a credential wait, with 202 and a log line', async () => {
    const { csr } = await site.request('shed')
    const { status, headers, body } = await site.ask(ENROL, { body: csr })
    assert.equal(status, 202)
    assert.equal(headers['retry-after'], '60')
    assert.match(body, /approve/)
  })

  it('logs which key waits, and that its certificate was approved', async () => {
    const { csr } = await site.request('porch.d.wott.local')
    assert.equal((await site.ask(ENROL, { body: csr })).status, 202)
    const isMeant = ({ msg, wanted }: Record<string, unknown>) =>
      msg === 'a key waits for approval' && wanted === 'porch.d.wott.local'
    const { key, address } = await site.logged(isMeant)
    assert.match(String(key), /^[\da-f]{16}$/)
    assert.equal(address, '127.0.0.1')
    await approveKey(site.path, String(key))
    assert.equal((await site.ask(ENROL, { body: csr })).status, 200)
    const { via } = await site.logged(
      ({ msg, device }) => msg === 'issued a certificate' && device === 'porch.d.wott.local',
    )
    assert.equal(via, 'approval')
  })

  it('logs what commands do to its devices', async () => {
    const id = 'gate.d.wott.local'
    const { csr } = await site.request('attic.d.wott.local')
    await site.ask(ENROL, { body: csr })
    const { key } = await site.logged(({ wanted }) => wanted === 'attic.d.wott.local')
    await site.invite('gate')
    await withdrawInvites(site.path, 'gate')
    const { serial } = await addDevice(site.path, 'gate')
    await revokeDevice(site.path, 'gate', { reason: 'keyCompromise' })
    await denyKey(site.path, String(key))
    await site.reload()
    const said = (msg: string) => site.logged((line) => line.msg === msg && line.device === id)
    await said('a device was invited')
    assert.equal((await said('the invite of a device was withdrawn')).reason, 'revoked')
    const issued = await said('issued a certificate')
    assert.deepEqual([issued.serial, issued.via], [serial, 'add'])
    const revoked = await said('the certificate of a device was revoked')
    assert.deepEqual([revoked.serial, revoked.reason], [serial, 'keyCompromise'])
    assert.equal((await site.logged(({ msg }) => msg === 'a key was denied')).key, key)
    const approved = await site.logged(({ msg }) => msg === 'a key was approved')
    assert.equal(approved.device, 'porch.d.wott.local')
  })
})

describe('the metrics of the enrol door', () => {
  it('count each request by credential, result and reason, starting at zero', async () => {
    await using own = await startEnrolSite()
    const enrolments = (via: string, result: string) =>
      own.metric(`wott_enrolments_total{via="${via}",result="${result}"}`)
    assert.equal(await enrolments('fallback', 'failed'), 0)
    assert.equal(await own.metric('wott_enrol_refused_total{reason="certificate_superseded"}'), 0)
    assert.equal(await own.metric('wott_enrol_waiting'), 0)
    const device = await own.enrolled('kitchen')
    const { csr } = await own.request(null)
    await own.ask(RENEW, { as: device, body: csr })
    await own.ask(ENROL, { body: csr, basic: 'kitchen:wrong' })
    await own.ask(ENROL, { body: (await own.request('shed')).csr })
    await appendFile(own.layout.authority.ledger, 'damage\n')
    await own.ask(RENEW, { as: device, body: csr })
    assert.deepEqual(
      await Promise.all([
        enrolments('invite', 'issued'),
        enrolments('certificate', 'issued'),
        enrolments('invite', 'refused'),
        own.metric('wott_enrol_refused_total{reason="invite_unknown"}'),
        enrolments('none', 'waiting'),
        own.metric('wott_enrol_waiting'),
        enrolments('certificate', 'failed'),
      ]),
      [1, 1, 1, 1, 1, 1, 1],
    )
    assert.equal(await own.metric('wott_handshakes_total{door="enrol",result="full"}'), 5)
    const spoofed = 'wott_spoofed_identity_headers_total{door="enrol"}'
    assert.equal(await own.metric(spoofed), 0)
    await own.ask('/ca.crt', { headers: { 'client-cert': '::' } })
    assert.equal(await own.metric(spoofed), 1)
  })
})
