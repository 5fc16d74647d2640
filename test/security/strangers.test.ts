import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { END_HEADERS, FRAME, frame, hpack, PREFACE } from '../support/raw-http2.ts'

const ACL = 'pattern readwrite #\n'
const DOORS = ['device', 'mqtt', 'viewer'] as const
const whoami = { path: '/whoami' }

/** Silent TCP connections. */
async function bareConnections(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').resume())
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

const cut = (door: string, reason: string) =>
  `wott_connections_cut_total{door="${door}",reason="${reason}"}`

describe('strangers', () => {
  it('with silent connections do not keep others out', async () => {
    const settings = { maxConnections: '4', maxStrangers: '20', maxStrangersPerAddress: '10' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device')
    for (const door of DOORS) {
      const sockets = await bareConnections(at.ports[door], 300)
      // later ones of the same address take its place
      await at.until(cut(door, 'max_strangers_per_address'), (count) => count >= 290)
      if (door === 'device') assert.equal((await http1(at, device, whoami)).status, 200)
      else if (door === 'mqtt') await (await mqtt(at, device)).endAsync()
      else assert.equal((await http1(at, null, { path: '/', door })).status, 200)
      for (const socket of sockets) socket.destroy()
    }
    const line = at.log.find(({ reason }) => reason === 'max_strangers_per_address')
    assert.deepEqual([line?.level, line?.address], ['warn', '127.0.0.1'])
  })

  it('of one device leave places for others, and are told apart from them', async () => {
    const settings = { maxConnections: '8' }
    await using at = await startGateway({ acl: ACL, settings })
    const greedy = await at.pki.issue('greedy')
    const honest = await at.pki.issue('honest')
    const own = [await rawTls(at, greedy), await rawTls(at, greedy)]
    const more = await rawTls(at, greedy)
    await once(more.resume(), 'close')
    assert.equal(await at.metric(cut('device', 'max_connections_per_device')), 1)
    assert.equal((await http1(at, honest, whoami)).status, 200)
    const closed = once((own[0] as Socket).resume(), 'close')
    own[0]?.end()
    await closed
    await at.until('wott_connections{door="device"}', 1)
    assert.equal((await http1(at, greedy, whoami)).status, 200)
    own[1]?.destroy()
  })

  it('are not devices that use one port of theirs for several addresses of the gateway', async () => {
    const settings = { maxConnections: '8', deviceListen: '0.0.0.0:0' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device')
    const from = await freePort()
    const first = await rawTls(at, device, { from })
    const twin = await rawTls(at, device, { from, to: '127.0.0.2' })
    const third = await rawTls(at, device)
    await once(third.resume(), 'close')
    assert.equal(await at.metric(cut('device', 'max_connections_per_device')), 1)
    for (const socket of [first, twin]) socket.destroy()
  })

  it('are not those who are known, whose places have an end too', async () => {
    const settings = { maxConnections: '2', maxConnectionsPerDevice: '2' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device')
    const clients = [await rawTls(at, device), await rawTls(at, device)]
    const other = await rawTls(at, await at.pki.issue('other'))
    await once(other.resume(), 'close')
    assert.equal(await at.metric(cut('device', 'max_connections')), 1)
    for (const client of clients) client.destroy()
  })

  it('wait for their handshake if too many begin at once, and then get it', async () => {
    const settings = { handshakeRatePerAddress: '10' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device')
    const agent = new Agent({ maxSockets: 20 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => http1(at, device, whoami)))
    assert.ok(answers.every(({ status }) => status === 200))
    // on a busy machine some begin only after others have finished waiting
    const delayed = (await at.metric('wott_handshakes_delayed_total{door="device"}')) ?? 0
    assert.ok(delayed >= 1 && delayed <= 10, `${delayed} waited`)
    agent.destroy()
  })

  it('are not hundreds of devices that come from one address at once, with the settings as they are', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device')
    const sockets = await Promise.all(Array.from({ length: 400 }, () => rawTls(at, device)))
    const request = 'GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const socket of sockets) socket.write(request)
    for (const socket of sockets) {
      if (socket.readableLength === 0) await once(socket, 'readable')
      assert.match(String(socket.read()), /^HTTP\/1\.1 200 /)
      socket.destroy()
    }
    for (const reason of ['max_strangers', 'max_strangers_per_address'])
      assert.equal(await at.metric(cut('device', reason)), 0)
  })

  it('who reset the connection while they wait only end their own connection', async () => {
    await using at = await startGateway({ acl: ACL, settings: { handshakeRatePerAddress: '5' } })
    const device = await at.pki.issue('device')
    const sockets = await bareConnections(at.ports.device, 20)
    for (const socket of sockets) {
      socket.write('x')
      socket.resetAndDestroy()
    }
    assert.equal((await http1(at, device, whoami)).status, 200)
  })

  for (const door of ['device', 'viewer'] as const)
    it(`who cancel each HTTP/2 request at once are disconnected on the ${door} door`, async () => {
      await using at = await startGateway({ acl: ACL })
      const socket = await rawTls(at, null, { door, ALPNProtocols: ['h2'] })
      const headers = hpack({
        ':method': 'GET',
        ':scheme': 'https',
        ':authority': 'x',
        ':path': '/openapi.json',
      })
      const cancel = Buffer.from([0, 0, 0, 8])
      const flood = Array.from({ length: 3000 }, (_, index) => {
        const id = 1 + 2 * index
        return Buffer.concat([
          frame(FRAME.HEADERS, END_HEADERS | 1, id, headers),
          frame(FRAME.RST_STREAM, 0, id, cancel),
        ])
      })
      socket.write(Buffer.concat([PREFACE, ...flood]))
      await once(socket.resume(), 'close')
    })

  it('who guess invites must wait, and are counted', async () => {
    await using at = await startGateway({ acl: ACL, settings: { inviteGuesses: '3' } })
    const guess = (code: string) =>
      http1(at, null, {
        door: 'viewer',
        method: 'POST',
        path: '/session',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code }),
      })
    for (const code of ['a', 'b', 'c']) assert.equal((await guess(code)).status, 401)
    const { status, json, headers } = await guess('d')
    assert.deepEqual([status, json.code, headers['retry-after']], [429, 'rate_limited', '20'])
    const sample = 'wott_requests_refused_total{door="viewer",reason="invite_guesses"}'
    assert.equal(await at.metric(sample), 1)
  })

  it('who send too many requests to the viewer door must wait, over HTTP/1.1 and HTTP/2', async () => {
    await using at = await startGateway({ acl: ACL, settings: { strangerRequestRate: '1' } })
    const get = () => http1(at, null, { door: 'viewer', path: '/' })
    for (let n = 0; n < 5; n++) assert.equal((await get()).status, 200)
    const session = http2Session(at, null, 'viewer')
    const closed = once(session, 'close')
    await once(session, 'connect')
    // all at the same time, because one after the other could be within the limit
    const answers = await Promise.all(Array.from({ length: 10 }, get))
    const refused = answers.filter(({ status }) => status !== 200)
    const [answer] = refused
    assert.deepEqual([answer?.status, answer?.json.code], [429, 'rate_limited'])
    assert.ok(Number(answer?.headers['retry-after']) >= 1)
    assert.equal((await http2(session, { ':path': '/' })).status, 429)
    await closed
    const sample = 'wott_requests_refused_total{door="viewer",reason="stranger_rate"}'
    assert.equal(await at.metric(sample), refused.length + 1)
  })

  it('and devices have a connection for so many requests, and then another', async () => {
    await using at = await startGateway({ acl: ACL, settings: { maxRequestsPerConnection: '3' } })
    const device = await at.pki.issue('device')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const connections: unknown[] = []
    for (let n = 0; n < 4; n++) {
      const { certificate: cert, key, ca } = device
      const answer = await http1(at, null, { ...whoami, agent, cert, key, ca })
      assert.equal(answer.status, 200)
      connections.push(answer.headers.connection)
    }
    assert.deepEqual(connections, ['keep-alive', 'keep-alive', 'close', 'keep-alive'])
    agent.destroy()
    const session = http2Session(at, device)
    const closed = once(session, 'close')
    for (let n = 0; n < 3; n++)
      assert.equal((await http2(session, { ':path': '/whoami' })).status, 200)
    await closed
  })
})
