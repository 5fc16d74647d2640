import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http2'
import { type Agent, Agent as HttpsAgent } from 'node:https'
import { after, before, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { http1, http2, http2Session } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { PROXY, type ProxiedGateway, passedOn, startProxied } from '../support/proxied.ts'
import { rawAnswers, rawHttp, rawTls, untilClosed } from '../support/raw.ts'

const CLIENT_CERT = ({ certificate }: Credentials) =>
  `Client-Cert: ${passedOn({ certificate })['client-cert']}\r\n`

describe('on the proxy door', () => {
  let at: ProxiedGateway
  let sensor: Credentials
  before(async () => {
    at = await startProxied()
    sensor = await at.pki.issue('sensor')
  })
  after(() => at[Symbol.asyncDispose]())

  const whoami = (who: Credentials | null, headers: object = {}) =>
    http1(at.door, who, { path: '/whoami', headers: { ...headers } })

  it('the proxy tells the identity of a request', async () => {
    const { status, json } = await whoami(at.proxy, passedOn(sensor))
    assert.deepEqual([status, json.id], [200, 'sensor'])
  })

  it('a request without a certificate is answered 401, and its connection stays open', async () => {
    const get = (headers: string) => `GET /whoami HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
    const answers = await rawHttp(
      at.door,
      at.proxy,
      get('') + get('Client-Cert: \r\n') + get(`Connection: close\r\n${CLIENT_CERT(sensor)}`),
    )
    assert.deepEqual(
      answers.map(({ status, body }) => [status, JSON.parse(body).code]),
      [
        [401, 'certificate_required'],
        [401, 'certificate_required'],
        [200, undefined],
      ],
    )
    assert.equal(answers[0]?.headers.connection, 'keep-alive')
  })

  it('a certificate of another CA, an expired one, and one without a usable name are answered 401 too', async () => {
    const other = await at.proxyPki.issue('sensor')
    const days = { days: 1, notBefore: Date.now() - 2 * 86_400_000 }
    const expired = await at.pki.issue('expired', days)
    const nameless = await at.pki.issue('a+b')
    for (const [who, code] of [
      [other, 'certificate_untrusted'],
      [expired, 'certificate_expired'],
      [nameless, 'identity_unusable'],
    ] as const) {
      const { status, json } = await whoami(at.proxy, passedOn(who))
      assert.deepEqual([status, json.code], [401, code])
    }
  })

  const AMBIGUOUS: Record<string, (header: string, value: string) => string> = {
    'the header twice': (header) => header + header,
    'an empty second one': (header) => `${header}Client-Cert: \r\n`,
    'an underscore twin': (header, value) => `${header}Client_Cert: ${value}\r\n`,
    'an underscore twin alone': (_, value) => `client_cert: ${value}\r\n`,
    'a twin of the chain': (header) => `${header}Client-Cert_Chain: x\r\n`,
    'the header named in Connection': (header) => `${header}Connection: close, Client-Cert\r\n`,
    'something that is no certificate': () => 'Client-Cert: :bm8=:\r\n',
    'a value that is no byte sequence': (_, value) => `Client-Cert: ${value.slice(1)}\r\n`,
  }
  for (const [what, headers] of Object.entries(AMBIGUOUS))
    it(`a request with ${what} is refused`, async () => {
      const { 'client-cert': value } = passedOn(sensor)
      const request = `GET /whoami HTTP/1.1\r\nHost: localhost\r\n${headers(CLIENT_CERT(sensor), value)}\r\n`
      const socket = await rawTls(at.door, at.proxy)
      socket.write(request)
      const [first] = await once(socket, 'data')
      const [answer] = rawAnswers(String(first))
      const expected = what.includes('no certificate') ? 401 : 400
      assert.equal(answer?.status, expected, String(first))
      socket.destroy()
    })

  it('a request with an oversized certificate is refused', async () => {
    const { status, json } = await whoami(at.proxy, { 'client-cert': `:${'A'.repeat(40_000)}:` })
    assert.deepEqual([status, json.code], [431, 'headers_too_large'])
  })

  it('the same holds over HTTP/2', async () => {
    const session = http2Session(at.door, at.proxy)
    const { 'client-cert': value } = passedOn(sensor)
    const cases: [OutgoingHttpHeaders, number][] = [
      [{}, 401],
      [{ 'client-cert': [value, value] }, 400],
      [{ 'client-cert': value, client_cert: value }, 400],
      [{ 'client-cert': value, host: 'elsewhere', ':authority': 'localhost' }, 400],
      [{ 'client-cert': value }, 200],
    ]
    for (const [headers, status] of cases)
      for (let index = 0; index < 20; index += 1) {
        const answer = await http2(session, { ':path': '/whoami', ...headers })
        assert.equal(answer.status, status)
      }
    assert.ok(!session.closed && !session.destroyed)
    session.close()
  })

  it('a device that connects directly is told that this is the wrong door', async () => {
    for (const headers of [{}, passedOn(sensor)] as object[]) {
      const { status, json } = await whoami(sensor, headers)
      assert.deepEqual([status, json.code], [400, 'request_invalid'])
      assert.match(json.detail, /proxy/)
    }
  })

  it('no other client is accepted as the proxy', async () => {
    const device = await at.pki.issue(PROXY)
    const other = await at.proxyPki.issue('other.example')
    const days = { days: 1, notBefore: Date.now() - 2 * 86_400_000 }
    const strange = await startProxied()
    const stranger = strange.proxy
    await strange[Symbol.asyncDispose]()
    const expired = await at.proxyPki.issue(PROXY, days)
    for (const [who, status] of [
      [null, 401],
      [other, 401],
      [stranger, 401],
      [expired, 401],
      // a device that has the name of the proxy
      [device, 400],
    ] as const) {
      const answer = await whoami(who, passedOn(sensor))
      assert.equal(answer.status, status)
      assert.equal(answer.headers.connection, 'close')
    }
  })

  it('no WebSocket is accepted without a valid identity', async () => {
    const upgrade = (headers: string) =>
      `GET /mqtt HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`
    const own = CLIENT_CERT(sensor)
    for (const [who, headers, status] of [
      [at.proxy, '', 401],
      [at.proxy, own + own, 400],
      [null, own, 401],
      [sensor, own, 400],
    ] as const) {
      const [answer] = await rawHttp(at.door, who, upgrade(headers))
      assert.equal(answer?.status, status)
    }
    const socket = await rawTls(at.door, at.proxy)
    socket.write(upgrade(own))
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /)
    socket.destroy()
  })

  it('a browser of another site is refused as on the device door', async () => {
    const headers = { ...passedOn(sensor), origin: 'https://evil.example' }
    const { json } = await whoami(at.proxy, headers)
    assert.equal(json.code, 'origin_denied')
  })

  it('refusals are counted by their code, and logged', async () => {
    const sample = 'wott_proxied_requests_refused_total{code="certificate_required"}'
    const before = (await at.metric(sample)) ?? 0
    await whoami(at.proxy)
    assert.equal(await at.metric(sample), before + 1)
    const line = await at.logged(({ msg }) => msg === 'refused what the proxy passes on')
    assert.equal(line.door, 'proxy')
  })
})

describe('two devices on one connection of the proxy', () => {
  it('keep their own identities and limits', async () => {
    await using at = await startProxied({
      settings: { publishRate: '1', publishBurst: '2' },
      acl: 'user one\ntopic readwrite one/#\nuser two\ntopic readwrite two/#\n',
    })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const agent: Agent = new HttpsAgent({ keepAlive: true, maxSockets: 1 })
    const over1 = async (who: Credentials, topic: string) =>
      http1(at.door, at.proxy, {
        path: `/topics/${topic}`,
        method: 'POST',
        body: '1',
        agent,
        headers: passedOn(who),
      })
    const over2 = async (who: Credentials, topic: string) =>
      http2(session, { ':path': `/topics/${topic}`, ':method': 'POST', ...passedOn(who) }, '1')
    assert.equal((await over1(one, 'one/a')).status, 200)
    assert.equal((await over2(one, 'two/a')).json.code, 'publish_denied')
    assert.equal((await over1(one, 'one/a')).json.code, 'rate_limited')
    assert.equal((await over1(two, 'two/a')).status, 200)
    assert.equal((await over2(two, 'two/a')).status, 200)
    assert.equal((await over2(two, 'two/a')).json.code, 'rate_limited')
    assert.equal(await at.metric('wott_connections{door="proxy"}'), 2)
    const accepted = 'wott_publishes_total{door="proxy",qos="0",result="accepted"}'
    assert.equal(await at.metric(accepted), 3)
    agent.destroy()
    session.close()
  })
})

describe('identity headers on the other doors', () => {
  it('are ignored and counted', async () => {
    await using at = await startGateway({ acl: 'pattern readwrite #\n' })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const headers = passedOn(two)
    const count = (door: string) => at.metric(`wott_spoofed_identity_headers_total{door="${door}"}`)
    const own = await http1(at, one, { path: '/whoami', headers })
    assert.equal(own.json.id, 'one')
    const nobody = await http1(at, null, { path: '/whoami', headers })
    assert.equal(nobody.json.code, 'certificate_required')
    const session = http2Session(at, one)
    assert.equal((await http2(session, { ':path': '/whoami', ...headers })).json.id, 'one')
    session.close()
    assert.equal(await count('device'), 3)
    const viewer = await http1(at, null, { path: '/whoami', headers, door: 'viewer' })
    assert.equal(viewer.json.code, 'session_required')
    assert.equal(await count('viewer'), 1)
    await fetch(`http://127.0.0.1:${at.ports.ops}/livez`, { headers })
    assert.equal(await count('ops'), 1)
    const socket = await rawTls(at, one)
    socket.write(
      `GET /mqtt HTTP/1.1\r\nHost: x\r\n${CLIENT_CERT(two)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    await untilClosed(socket)
    assert.equal(await count('device'), 4)
    await http1(at, one, { path: '/whoami' })
    assert.equal(await count('device'), 4)
  })
})

describe('the connections of the proxy', () => {
  it('come only from its addresses, if these are set', async () => {
    await using at = await startProxied({ settings: { proxyAddresses: '192.0.2.1, 10.0.0.0/8' } })
    const sensor = await at.pki.issue('sensor')
    const asked = http1(at.door, at.proxy, { path: '/whoami', headers: passedOn(sensor) })
    await assert.rejects(asked, { code: 'ECONNRESET' })
    await using same = await startProxied({ settings: { proxyAddresses: '127.0.0.0/8,::1' } })
    const device = await same.pki.issue('sensor')
    const request = { path: '/whoami', headers: passedOn(device) }
    assert.equal((await http1(same.door, same.proxy, request)).status, 200)
  })

  it('do not count as strangers, and have their own limit', async () => {
    const settings = { maxConnections: '1', maxStrangers: '1', maxProxyConnections: '3' }
    await using at = await startProxied({ settings })
    const sensor = await at.pki.issue('sensor')
    const sockets: TLSSocket[] = []
    for (let index = 0; index < 3; index += 1) {
      const socket = await rawTls(at.door, at.proxy)
      socket.write(`GET /whoami HTTP/1.1\r\nHost: x\r\n${CLIENT_CERT(sensor)}\r\n`)
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
      sockets.push(socket)
    }
    await untilClosed(await rawTls(at.door, at.proxy))
    assert.ok(sockets.every(({ destroyed }) => !destroyed))
    const cut = 'wott_connections_cut_total{door="proxy",reason="max_connections_per_device"}'
    assert.equal(await at.metric(cut), 1)
    for (const socket of sockets) socket.destroy()
  })

  it('end when the certificate of the proxy is revoked', async () => {
    await using at = await startProxied()
    await using revocable = await startProxied({
      settings: { proxyCrlFile: at.proxyPki.crlFile, proxyCaFile: at.proxy.caFile },
    })
    const sensor = await revocable.pki.issue('sensor')
    const socket = await rawTls(revocable.door, at.proxy)
    socket.write(`GET /whoami HTTP/1.1\r\nHost: x\r\n${CLIENT_CERT(sensor)}\r\n`)
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
    await at.proxyPki.revoke(at.proxy.serial)
    await untilClosed(socket)
  })

  it('may not be made with certificates of the CA of devices', async () => {
    const settings = (at: ProxiedGateway) => ({
      settings: { proxyCaFile: at.proxy.caFile, caFile: at.proxy.caFile },
    })
    await using at = await startProxied()
    await assert.rejects(startProxied(settings(at)), {
      name: 'UsageError',
      message: /WOTT_PROXY_CA_FILE holds .* a CA of devices/,
    })
  })
})
