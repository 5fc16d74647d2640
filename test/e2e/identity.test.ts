import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { createAuthority } from '../../src/ca/authority.ts'
import { createCrl } from '../../src/ca/crl.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { makeCertificate } from '../support/certificates.ts'
import {
  curl,
  eventSource,
  http1,
  http2,
  http2Session,
  mosquittoPub,
  mqtt,
  mqttOverWebSocket,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'
import { rawHttp, rawTls, untilClosed } from '../support/raw.ts'
import { until } from '../support/until.ts'

const ACL = 'pattern readwrite #\n'
const WHOAMI = 'GET /whoami HTTP/1.1\r\nHost: localhost\r\n\r\n'
const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n')
/** An MQTT 3.1.1 CONNECT of a client "a". */
const CONNECT = Buffer.from('100d00044d5154540402003c000161', 'hex')

describe('a self-signed certificate', () => {
  it('is refused as self-signed, whatever else is wrong, and also where WOTT_CA_FILE holds it', async () => {
    await using at = await startGateway({ acl: ACL })
    const good = await at.pki.issue('good')
    const own = await makeCertificate('own', { authority: false })
    const authority = await makeCertificate('own authority')
    const answerTo = async ({ certificate, key }: typeof own) =>
      (await http1(at, { ...good, certificate, key }, { path: '/whoami' })).json.detail
    for (const one of [own, authority]) assert.match(await answerTo(one), /is self-signed/)
    const authorities = at.pki.authority.certificate + own.certificate
    await writeFile(join(ownDirectory(at), 'ca.crt'), authorities)
    await at.gateway.reload()
    assert.match(await answerTo(own), /is self-signed/)
  })
})

type Refused = readonly [code: string, what: string, who: Credentials | null]

describe('a certificate that is refused', () => {
  let at: TestGateway
  let refused: Refused[]

  before(async () => {
    at = await startGateway({ acl: ACL })
    const { pki } = at
    const stranger = await createAuthority()
    const self = await pki.issue('self', {}, stranger)
    const lastWeek = { notBefore: Date.now() - 7 * DAY_MS }
    const named = (commonName: string | string[]) =>
      pki.issue(`odd-${refused.length}`, { commonName, names: ['odd'] })
    const revoked = await pki.issue('revoked')
    refused = [
      ['certificate_required', 'none at all', null],
      ['certificate_expired', 'one of last week', await pki.issue('expired', lastWeek)],
      ['certificate_revoked', 'one on the revocation list', revoked],
      ['certificate_untrusted', 'one of another CA', await pki.issue('foreign', {}, stranger)],
      [
        'certificate_untrusted',
        'one that signed itself',
        { ...self, certificate: stranger.certificate, key: stranger.key },
      ],
      [
        'certificate_untrusted',
        'one of next week',
        await pki.issue('early', { notBefore: Date.now() + 7 * DAY_MS, days: 1 }),
      ],
    ]
    const unusable: [string, string | string[]][] = [
      ['one with two CNs', ['good', 'good']],
      ['one without a subject', []],
      ['one with an empty CN', ''],
      ['one with a slash in its CN', 'good/#'],
      ['one with a wildcard for a CN', '+'],
      ['one with a NUL in its CN', 'good\0.evil'],
      ['one with a line feed after its CN', 'good\n'],
      ['one with a letter that looks like another', 'g\u043e\u043ed'],
      ['one with an e-mail address for a CN', 'good@example.org'],
      ['one with a CN of 254 bytes', 'a'.repeat(254)],
    ]
    for (const [what, commonName] of unusable)
      refused.push(['identity_unusable', what, await named(commonName)])
    await pki.revoke(revoked.serial)
    await at.gateway.reload()
  })
  after(() => at[Symbol.asyncDispose]())

  it('gets 401 with the reason over HTTP/1.1, and the connection closes', async () => {
    for (const [code, what, who] of refused) {
      const [answer, ...more] = await rawHttp(at, who, WHOAMI + WHOAMI)
      assert.equal(answer?.status, 401, what)
      assert.equal(answer.headers['content-type'], 'application/problem+json', what)
      assert.equal(answer.headers.connection, 'close', what)
      const problem = JSON.parse(answer.body)
      assert.equal(problem.code, code, what)
      assert.equal(problem.traceId, answer.headers['x-request-id'], what)
      assert.deepEqual(more, [], what)
    }
  })

  it('gets 401 with the reason over HTTP/2, and the connection closes', async () => {
    for (const [code, what, who] of refused) {
      const session = http2Session(at, who)
      const closed = once(session, 'close')
      const answer = await http2(session, { ':path': '/whoami' })
      assert.equal(answer.status, 401, what)
      assert.equal(answer.headers['content-type'], 'application/problem+json', what)
      assert.equal(answer.json.code, code, what)
      await closed
    }
  })

  it('gets 401 with the reason instead of a WebSocket, and the connection closes', async () => {
    for (const [code, what, who] of refused) {
      const [answer] = await rawHttp(at, who, UPGRADE)
      assert.equal(answer?.status, 401, what)
      assert.equal(JSON.parse(answer.body).code, code, what)
    }
  })

  it('fails in the handshake on the mqtt door', async () => {
    for (const [, what, who] of refused) {
      const answered = await rawTls(at, who, { door: 'mqtt' }).then(
        (socket) => {
          socket.write(CONNECT)
          return untilClosed(socket)
        },
        () => '',
      )
      assert.equal(answered, '', what)
    }
    const good = await at.pki.issue('good')
    const socket = await rawTls(at, good, { door: 'mqtt' })
    socket.write(CONNECT)
    const [connack] = await once(socket, 'data')
    assert.equal(connack.toString('hex'), '20020000')
    socket.destroy()
  })

  it('makes mosquitto_pub fail', async () => {
    for (const [, what, who] of refused.slice(1, 9)) {
      const { code } = await mosquittoPub(at, who as Credentials, 'a', '1')
      assert.notEqual(code, 0, what)
    }
  })

  it('is counted, and logged once a minute', async () => {
    const count = 'wott_handshakes_total{door="device",result="refused"}'
    const before = (await at.metric(count)) ?? 0
    for (const [, , who] of refused) await rawHttp(at, who, WHOAMI)
    assert.equal(await at.metric(count), before + refused.length)
    const said = at.log.filter(({ msg }) => msg === 'refused a certificate')
    for (const [code, what] of refused)
      assert.ok(
        said.some(({ door, reason }) => door === 'device' && reason === code),
        what,
      )
    const lines = said.map(({ door, reason, objection }) => `${door} ${reason} ${objection}`)
    assert.equal(new Set(lines).size, lines.length)
    const expired = said.find(({ reason }) => reason === 'certificate_expired')
    assert.deepEqual([expired?.device, expired?.address], ['expired', '127.0.0.1'])
    const onMqtt = said.filter(({ door }) => door === 'mqtt')
    for (const [reason, objection, device] of [
      ['certificate_expired', 'CERT_HAS_EXPIRED', 'expired'],
      ['certificate_revoked', 'CERT_REVOKED', 'revoked'],
    ])
      assert.partialDeepStrictEqual(
        onMqtt.find((line) => line.reason === reason),
        { objection, device, address: '127.0.0.1' },
      )
  })

  it('gets an answer that says what to do', async () => {
    const { stdout } = await curl(
      null,
      join(at.pki.directory, 'revoked', 'ca.crt'),
      `https://localhost:${at.ports.device}/whoami`,
    )
    assert.match(JSON.parse(stdout).detail, /curl --cert client\.crt --key client\.key/)
  })
})

describe('the connection of a device', () => {
  let at: TestGateway
  let good: Credentials

  before(async () => {
    at = await startGateway({ acl: ACL })
    good = await at.pki.issue('good')
  })
  after(() => at[Symbol.asyncDispose]())

  it('has a WoTT ID of at most 253 bytes', async () => {
    const id = 'a'.repeat(253)
    const longest = await at.pki.issue('longest', { commonName: id, names: ['longest'] })
    assert.equal((await http1(at, longest, { path: '/whoami' })).json.id, id)
  })

  it('has TLS 1.2 at least, on every door', async () => {
    for (const door of ['device', 'mqtt', 'viewer'] as const) {
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
      await assert.rejects(
        rawTls(at, good, { door, ciphers: 'DEFAULT@SECLEVEL=0', ...old }),
        { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
        door,
      )
      const socket = await rawTls(at, good, { door, maxVersion: 'TLSv1.2' })
      assert.equal(socket.getProtocol(), 'TLSv1.2', door)
      socket.destroy()
    }
  })

  it('is counted with its handshake, and with a refused one', async () => {
    const full = 'wott_handshakes_total{door="mqtt",result="full"}'
    const refused = 'wott_handshakes_total{door="mqtt",result="refused"}'
    const [fullBefore = 0, refusedBefore = 0] = [await at.metric(full), await at.metric(refused)]
    const client = await mqtt(at, good)
    const nobody = await rawTls(at, null, { door: 'mqtt' }).catch(() => null)
    if (nobody) await untilClosed(nobody)
    assert.equal(await at.metric(full), fullBefore + 1)
    assert.equal(await at.metric(refused), refusedBefore + 1)
    assert.equal(await at.metric('wott_connections{door="mqtt"}'), 1)
    await client.endAsync()
  })

  it('stays open when the certificate files are replaced, and the next one has the new certificate', async () => {
    using stream = await eventSource(at, good, '/topics/a')
    const before = await shownBy(at, good)
    await issueOwn(at)
    await at.gateway.reload()
    assert.notEqual(await shownBy(at, good), before)
    await http1(at, good, { path: '/topics/a', method: 'POST', body: 'still here' })
    assert.equal(JSON.parse((await stream.next()).data).payload, 'still here')
  })

  it('has the new certificate once the files are replaced, without a reload', async () => {
    const before = await shownBy(at, good)
    await issueOwn(at)
    // the gateway may also load between two files, which log lines do not show
    await until(
      () => shownBy(at, good),
      (shown) => shown !== before,
    )
  })

  it('is refused while the gateway’s certificate or list has expired, which is logged', async () => {
    const names = ['localhost', '127.0.0.1']
    const lastWeek = { names, notBefore: Date.now() - 7 * DAY_MS }
    await at.pki.issue('gateway.d.wott.local', lastWeek)
    await at.gateway.reload()
    const said = ({ msg }: Record<string, unknown>) => String(msg).startsWith('nobody can connect')
    assert.match(String((await at.logged(said)).reason), /certificate was valid until/)
    await issueOwn(at)
    await at.gateway.reload()
    assert.equal(at.log.filter(said).length, 1)
  })

  it('has the old certificate while only half of a new pair is written', async () => {
    const own = ownDirectory(at)
    const before = await shownBy(at, good)
    const next = await at.pki.issue('next', { names: ['localhost', '127.0.0.1'] })
    await copyFile(next.certFile, join(own, 'client.crt'))
    await at.gateway.reload()
    assert.ok(at.log.some(({ msg }) => String(msg).startsWith('certificate files not usable')))
    assert.equal(await shownBy(at, good), before)
    await copyFile(next.keyFile, join(own, 'client.key'))
    await at.gateway.reload()
    assert.notEqual(await shownBy(at, good), before)
  })

  it('is checked with the old revocation list while the new one cannot be read', async () => {
    const revoked = await at.pki.issue('revoked')
    await at.pki.revoke(revoked.serial)
    await at.gateway.reload()
    await writeFile(at.pki.crlFile, '-----BEGIN X509 CRL-----\n')
    await at.gateway.reload()
    assert.equal((await http1(at, revoked, { path: '/whoami' })).json.code, 'certificate_revoked')
    assert.equal((await http1(at, good, { path: '/whoami' })).status, 200)
  })
})

describe('a device CA beside its successor', () => {
  it('accepts the devices of both, once WOTT_CRL_FILE holds a list of both', async () => {
    await using at = await startGateway({ acl: ACL })
    const { authority, crlFile } = at.pki
    const authorities = join(ownDirectory(at), 'ca.crt')
    const list = await readFile(crlFile, 'utf8')
    const old = await at.pki.issue('old')
    // with the same name, as `init` gives it, and with another
    for (const commonName of ['WoTT device CA', 'Next CA']) {
      const next = await createAuthority({ commonName })
      const young = await at.pki.issue('young', {}, next)
      const reasons = async () => {
        await at.gateway.reload()
        return Promise.all(
          [old, young].map(async (device) => {
            const { status, json } = await http1(at, device, { path: '/whoami' })
            return status === 200 ? 'in' : /\((\w+)\)/.exec(json.detail)?.[1]
          }),
        )
      }
      await writeFile(authorities, authority.certificate + next.certificate)
      assert.deepEqual(await reasons(), ['in', 'UNABLE_TO_GET_CRL'])
      await writeFile(crlFile, list + (await createCrl(next)))
      assert.deepEqual(await reasons(), ['in', 'in'])
      await writeFile(authorities, authority.certificate)
      await writeFile(crlFile, list)
    }
  })
})

describe('a certificate that is revoked while it is in use', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ acl: ACL })
  })
  after(() => at[Symbol.asyncDispose]())

  it('ends all connections of its device, and no others', async () => {
    const [good, bad] = [await at.pki.issue('good'), await at.pki.issue('bad')]
    using kept = await eventSource(at, good, '/topics/a')
    const agent = new Agent({ keepAlive: true, cert: bad.certificate, key: bad.key, ca: bad.ca })
    const idle = await http1(at, null, { agent, path: '/whoami' })
    assert.equal(idle.status, 200)
    const [keptAlive] = Object.values(agent.freeSockets).flat()
    assert.ok(keptAlive)
    const session = http2Session(at, bad)
    const stream = session.request({ ':path': '/topics/a', accept: 'text/event-stream' })
    stream.on('error', () => {})
    await once(stream, 'response')
    using events = await eventSource(at, bad, '/topics/a')
    const clients = [await mqtt(at, bad), await mqttOverWebSocket(at, bad)]
    const ended = Promise.all([
      once(keptAlive, 'close'),
      once(session, 'close'),
      events.ended(),
      ...clients.map(
        (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
      ),
    ])
    // no reload, as the file is watched
    await at.pki.revoke(bad.serial)
    await ended
    await http1(at, good, { path: '/topics/a', method: 'POST', body: 'still here' })
    assert.equal(JSON.parse((await kept.next()).data).payload, 'still here')
  })

  it('ends an MQTT 5 connection with 0x98, and later packets are not read', async () => {
    const bad = await at.pki.issue('bad-five')
    using client = await connectClient(at, bad, 'five')
    await at.pki.revoke(bad.serial)
    const { reasonCode, properties } = await client.expect('disconnect')
    assert.deepEqual(
      [reasonCode, properties?.reasonString],
      [0x98, 'The client certificate has expired or is revoked.'],
    )
    const accepted = 'wott_publishes_total{door="mqtt",qos="0",result="accepted"}'
    const before = await at.metric(accepted)
    client.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false })
    await client.closed
    assert.equal(await at.metric(accepted), before)
  })

  it('cannot reconnect with its old TLS session', async () => {
    const bad = await at.pki.issue('bad-again', { commonName: 'good' })
    const session = await tlsSession(at, bad, 'device')
    assert.deepEqual(await resumed(at, bad, session), {
      reused: true,
      status: 200,
      code: undefined,
    })
    assert.equal(await at.metric('wott_handshakes_total{door="device",result="resumed"}'), 1)
    await at.pki.revoke(bad.serial)
    await at.gateway.reload()
    const { status, code } = await resumed(at, bad, session)
    assert.deepEqual({ status, code }, { status: 401, code: 'certificate_revoked' })
  })
})

describe('a certificate that expires while it is in use', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ acl: ACL })
  })
  after(() => at[Symbol.asyncDispose]())

  it('ends its connection, and its TLS session cannot be resumed at any door', async () => {
    const notBefore = Date.now() - DAY_MS + 2500
    const brief = await at.pki.issue('brief', { commonName: 'good', notBefore, days: 1 })
    const session = await tlsSession(at, brief, 'device')
    const mqttSession = await tlsSession(at, brief, 'mqtt')
    using events = await eventSource(at, brief, '/topics/a')
    await events.ended()
    assert.deepEqual(await resumed(at, brief, session), {
      reused: true,
      status: 401,
      code: 'certificate_expired',
    })
    const socket = await rawTls(at, brief, { door: 'mqtt', session: mqttSession })
    assert.equal(socket.isSessionReused(), true)
    socket.write(CONNECT)
    assert.equal(await untilClosed(socket), '')
  })
})

/** A TLS session of `who` for resumption, which TLS 1.3 sends after the handshake. */
async function tlsSession(
  at: TestGateway,
  who: Credentials,
  door: 'device' | 'mqtt',
): Promise<Buffer> {
  const socket = connect({
    host: 'localhost',
    port: at.ports[door],
    ca: who.ca,
    cert: who.certificate,
    key: who.key,
  })
  const [session] = await once(socket, 'session')
  socket.destroy()
  return session
}

async function resumed(at: TestGateway, who: Credentials, session: Buffer) {
  const socket = await rawTls(at, who, { session })
  const reused = socket.isSessionReused()
  socket.write(WHOAMI.replace('Host', 'Connection: close\r\nHost'))
  const text = await untilClosed(socket)
  return {
    reused,
    status: Number(text.split(' ')[1]),
    code: /"code":"(\w+)"/.exec(text)?.[1],
  }
}

/** The fingerprint of the current certificate of the device door. */
async function shownBy(at: TestGateway, who: Credentials): Promise<string> {
  const socket = await rawTls(at, who)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

function ownDirectory({ pki }: TestGateway): string {
  return join(pki.directory, 'gateway.d.wott.local')
}

function issueOwn({ pki }: TestGateway): Promise<Credentials> {
  return pki.issue('gateway.d.wott.local', { names: ['localhost', '127.0.0.1'] })
}
