import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type Answer, type EnrolSite, type Pair, startEnrolSite } from './site.ts'

// the calls of the WoTT agent 0.1.5 in its order: HTTP/1.1, JSON both ways, and its token in every call

let site: EnrolSite
before(async () => {
  site = await startEnrolSite()
})
after(() => site[Symbol.asyncDispose]())

const HEADERS = {
  'user-agent': 'python-requests/2.22.0',
  accept: '*/*',
  'accept-encoding': 'gzip, deflate',
}
const JSON_HEADERS = { ...HEADERS, 'content-type': 'application/json' }

interface Call {
  readonly body?: object
  readonly basic?: string
  readonly as?: Pair
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the door answered is then asserted
async function call(path: string, { body, ...rest }: Call = {}): Promise<Answer & { json: any }> {
  const answer = await site.ask(`/v0.2/${path}`, {
    ...rest,
    headers: body ? JSON_HEADERS : HEADERS,
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  assert.match(String(answer.headers['content-type']), /^application\/json/)
  return { ...answer, json: JSON.parse(answer.body) }
}

/** A certificate request as the agent makes it, with a new key each time. */
async function requestOf(id: string) {
  return site.request(id, {
    subject: `/CN=${id}/C=UK/ST=London/O=Web of Trusted Things, Ltd.`,
    req: ['-addext', `subjectAltName=DNS:${id}`],
  })
}

const machine = (id: string) => ({
  device_id: id,
  device_operating_system: 'Raspbian',
  device_operating_system_version: '10',
  device_architecture: 'armv7l',
  fqdn: 'pi',
  ipv4_address: '192.0.2.7',
})

const signing = async (id: string) => ({ csr: (await requestOf(id)).csr, ...machine(id) })

describe('the WoTT agent', () => {
  const id = 'pi.d.wott.local'
  let basic: string
  let held: Pair
  let claimToken: string
  let fallbackToken: string
  before(async () => {
    basic = `pi:${await site.invite('pi')}`
  })

  it('gets its name, the CA and, with its invite, a certificate', async () => {
    assert.deepEqual((await call('generate-id', { basic })).json, { device_id: id })
    assert.equal((await call('ca-bundle', { basic })).json.ca_bundle, site.ca)
    const { csr, key } = await requestOf(id)
    const { status, json } = await call('sign-csr', { basic, body: { csr, ...machine(id) } })
    assert.equal(status, 200, JSON.stringify(json))
    assert.deepEqual(Object.keys(json), ['certificate', 'claim_token', 'fallback_token'])
    assert.equal(new X509Certificate(json.certificate).subject, `CN=${id}`)
    held = { certificate: json.certificate, key }
    claimToken = json.claim_token
    fallbackToken = json.fallback_token
  })

  it('pings and sends facts about its machine, with its used token in every call', async () => {
    const ping = await call('ping', { basic, as: held })
    assert.deepEqual(ping.json, {
      block_networks: [],
      block_ports: [],
      allow_ports: [],
      policy: 'allow',
      deb_packages_hash: null,
    })
    const portrait = { processes: Array(1000).fill({ cmdline: 'x'.repeat(130) }) }
    assert.equal((await call('ping', { basic, as: held, body: portrait })).status, 200)
    assert.deepEqual((await call('hello', { as: held })).json, { message: `Hello ${id}` })
    assert.deepEqual((await call('claimed', { as: held })).json, {
      claimed: true,
      claim_token: claimToken,
    })
    assert.deepEqual((await call('credentials', { as: held })).json, [])
    assert.deepEqual((await call('device-metadata', { as: held })).json, {})
  })

  it('is claimed with its claim token only', async () => {
    const claim = { key: 'any', device_id: id, claim_token: claimToken }
    assert.equal((await call('enroll-device', { body: claim })).status, 200)
    const wrong = await call('enroll-device', { body: { ...claim, claim_token: 'wrong' } })
    assert.equal(wrong.status, 400)
    assert.deepEqual(Object.keys(wrong.json), ['claim_token'])
  })

  it('renews with its certificate and a new key, although it sends its used token too', async () => {
    const { csr, key } = await requestOf(id)
    const { status, json } = await call('sign-csr', {
      basic,
      as: held,
      body: { csr, ...machine(id) },
    })
    assert.equal(status, 200, JSON.stringify(json))
    assert.equal(json.claimed, true)
    assert.notEqual(json.fallback_token, fallbackToken)
    held = { certificate: json.certificate, key }
    fallbackToken = json.fallback_token
    assert.equal((await call('ping', { as: held })).status, 200)
  })

  it('renews with its fallback token when its certificate has expired by its clock', async () => {
    const { csr, key } = await requestOf(id)
    const body = { csr, ...machine(id), fallback_token: fallbackToken }
    const { status, json } = await call('sign-expired-csr', { body })
    assert.equal(status, 200, JSON.stringify(json))
    held = { certificate: json.certificate, key }
    assert.equal((await call('ping', { as: held })).status, 200)
    const again = await call('sign-expired-csr', { body })
    assert.equal(again.status, 403)
    assert.match(again.json.detail, /newer certificate/)
  })

  it('cannot renew by token once another one did, so that a stolen token is noticed', async () => {
    const original = await site.enrolled('copied')
    const name = 'copied.d.wott.local'
    const first = await call('sign-csr', { as: original, body: await signing(name) })
    const renew = async (fallback_token: string) =>
      call('sign-expired-csr', { body: { ...(await signing(name)), fallback_token } })
    const second = await renew(first.json.fallback_token)
    assert.equal(second.status, 200)
    const theirs = await call('sign-csr', { as: original, body: await signing(name) })
    assert.equal(theirs.status, 403)
    assert.match(theirs.json.detail, /somebody has a copy of its key/)
  })

  it('is refused without an error where its JSON holds no strings', async () => {
    const strange = { toString: 1 }
    const body = { csr: strange, device_id: strange, claim_token: strange, fallback_token: 'x' }
    for (const path of ['sign-csr', 'sign-expired-csr', 'enroll-device'])
      assert.equal((await call(path, { body })).status, 400, path)
  })

  it('is refused with a JSON object that gives the reason', async () => {
    const { csr } = await requestOf('other.d.wott.local')
    const other = { csr, ...machine('other.d.wott.local') }
    assert.equal((await call('sign-csr', { basic: 'other:wrong', body: other })).status, 401)
    assert.equal((await call('sign-csr', { as: held, body: other })).status, 400)
    for (const body of [{ ...other, fallback_token: 'wrong' }, { fallback_token: null }, {}])
      assert.ok((await call('sign-expired-csr', { body })).status >= 400)
    for (const path of ['ping', 'claimed', 'hello', 'credentials', 'device-metadata'])
      assert.equal((await call(path)).status, 403)
    assert.match((await call('generate-id')).json.device_id, /^[0-9a-f]{12}\.d\.wott\.local$/)
  })
})
