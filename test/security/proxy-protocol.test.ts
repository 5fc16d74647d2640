import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { ENROL, startEnrolSite } from '../enrol/site.ts'
import { http2 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { LOCAL_HEADER, rawV2Header, v1Header, v2Header } from '../support/proxy-header.ts'
import { untilClosed } from '../support/raw.ts'

const SETTINGS = {
  proxyProtocol: 'any',
  proxyProtocolFrom: '192.0.2.0/24, 127.0.0.1',
  maxStrangers: '3',
  maxStrangersPerAddress: '2',
}
const WHOAMI = 'GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n'
/** MQTT 3.1.1, a clean session without a name. */
const CONNECT = Buffer.from('100c00044d5154540402003c0000', 'hex')
const HEADERS = {
  v1: v1Header('198.51.100.7', 40_000),
  v2: v2Header('2001:db8:1:2::3', 40_000, Buffer.from([4, 0, 2, 0, 0])),
}

/** `socket`, whose first bytes are a header; they and what is written first leave in two parts. */
function behind(socket: Socket, header: Buffer, split: number): Duplex {
  let isFirst = true
  const stream = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (!isFirst) return void socket.write(chunk, done)
      isFirst = false
      const bytes = Buffer.concat([header, chunk])
      socket.write(bytes.subarray(0, split))
      // the gateway, in this process, reads in between
      setImmediate(() => setImmediate(() => socket.write(bytes.subarray(split), done)))
    },
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk) => void (stream.push(chunk) || socket.pause()))
  socket.on('end', () => stream.push(null))
  socket.on('error', (error) => stream.destroy(error))
  return stream
}

async function firstOf(socket: Duplex): Promise<string> {
  const [data] = await once(socket, 'data')
  socket.destroy()
  return String(data)
}

describe('behind a load balancer', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n', settings: SETTINGS })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  type Door = 'device' | 'mqtt' | 'viewer'

  async function dial(door: Door, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ port: at.ports[door], host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  async function send(door: Door, bytes: Buffer | string, from?: string): Promise<Socket> {
    const socket = await dial(door, from)
    socket.write(bytes)
    return socket.resume()
  }

  function secure(socket: Duplex, who: Credentials | null): TLSSocket {
    const tls = connectTls({
      socket,
      servername: 'localhost',
      ca: at.pki.authority.certificate,
      ...(who ? { cert: who.certificate, key: who.key } : {}),
    })
    tls.on('error', () => {})
    return tls
  }

  const cut = async (door: Door, reason: string) =>
    (await at.metric(`wott_connections_cut_total{door="${door}",reason="${reason}"}`)) ?? 0

  for (const [version, header] of Object.entries(HEADERS)) {
    it(`a ${version} header may be split anywhere, and TLS begins in the same segment`, async () => {
      for (let split = 1; split < header.length + 8; split++) {
        const tls = secure(behind(await dial('device'), header, split), device)
        tls.write(WHOAMI)
        assert.match(await firstOf(tls), /^HTTP\/1\.1 200 /, `split at ${split}`)
      }
    })

    it(`a ${version} header is taken off the connections of MQTT`, async () => {
      for (const split of [1, header.length - 1, header.length, header.length + 3]) {
        const tls = secure(behind(await dial('mqtt'), header, split), device)
        tls.write(CONNECT)
        const [connack] = await once(tls, 'data')
        assert.deepEqual([...connack], [0x20, 2, 0, 0])
        tls.destroy()
      }
    })
  }

  it('the log names the client, not the balancer', async () => {
    for (const door of ['device', 'mqtt'] as const) {
      const tls = secure(behind(await dial(door), HEADERS.v1, 1), null)
      const line = await at.logged(
        (each) => each.door === door && each.msg === 'refused a certificate',
      )
      assert.deepEqual([line.address, line.reason], ['198.51.100.7', 'certificate_required'])
      tls.destroy()
    }
    const garbage = await send('device', Buffer.concat([HEADERS.v2, Buffer.from('\x16\x03\x01xx')]))
    await untilClosed(garbage)
    const failed = await at.logged(({ msg }) => msg === 'a handshake failed')
    assert.equal(failed.address, '2001:db8:1:2::3')
  })

  it('each client has its own connection limit', async () => {
    const first = await send('device', v1Header('203.0.113.1', 1))
    const firstClosed = untilClosed(first)
    const others = [
      await send('device', v1Header('203.0.113.1', 2)),
      await send('device', v1Header('203.0.113.2', 1)),
      await send('device', v1Header('203.0.113.1', 3)),
    ]
    await firstClosed
    assert.equal(await cut('device', 'max_strangers_per_address'), 1)
    const line = await at.logged(({ reason }) => reason === 'max_strangers_per_address')
    assert.equal(line.address, '203.0.113.1')
    assert.ok(others.every(({ closed }) => !closed))
    for (const socket of others) socket.destroy()
  })

  it('two clients with the same stated address are told apart', async () => {
    const one = secure(behind(await dial('device'), HEADERS.v1, 1), device)
    const other = secure(behind(await dial('device'), HEADERS.v1, 1), device)
    await Promise.all([once(one, 'secureConnect'), once(other, 'secureConnect')])
    // as strangers they would use up both places of their address
    const before = await cut('device', 'max_strangers_per_address')
    const strangers = [await send('device', HEADERS.v1), await send('device', HEADERS.v1)]
    other.write(WHOAMI)
    assert.match(await firstOf(other), /^HTTP\/1\.1 200 /)
    assert.equal(await cut('device', 'max_strangers_per_address'), before)
    for (const socket of [one, ...strangers]) socket.destroy()
  })

  it('no other host may connect, whatever it sends', async () => {
    for (const bytes of [HEADERS.v1, HEADERS.v2, LOCAL_HEADER, 'x'])
      await untilClosed(await send('device', bytes, '127.0.0.2'))
    assert.equal(await cut('device', 'proxy_untrusted'), 4)
    const line = await at.logged(({ reason }) => reason === 'untrusted')
    assert.deepEqual([line.level, line.door, line.address], ['warn', 'device', '127.0.0.2'])
  })

  const wrong: Readonly<Record<string, string | Buffer>> = {
    missing: '\x16\x03\x01\x02\0\x01',
    malformed: 'PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n',
    too_long: rawV2Header(0x21, 0x11, Buffer.alloc(521)),
  }
  for (const [fault, bytes] of Object.entries(wrong))
    it(`a header that is ${fault} ends its connection`, async () => {
      const before = await cut('mqtt', 'proxy_header')
      await untilClosed(await send('mqtt', bytes))
      assert.equal(await cut('mqtt', 'proxy_header'), before + 1)
      const line = await at.logged(({ door, reason }) => door === 'mqtt' && reason === fault)
      assert.deepEqual([line.level, line.address], ['warn', '127.0.0.1'])
    })

  it('a header that is incomplete ends its connection', async () => {
    const before = await cut('mqtt', 'proxy_header')
    const half = await send('mqtt', 'PROXY TCP4 1.2')
    half.end()
    await untilClosed(half)
    assert.equal(await cut('mqtt', 'proxy_header'), before + 1)
    await at.logged(({ door, reason }) => door === 'mqtt' && reason === 'incomplete')
  })

  it('connections without a header yet have their own limit', async () => {
    const oldest = await dial('mqtt')
    const closed = untilClosed(oldest)
    const others = [await dial('mqtt'), await dial('mqtt'), await dial('mqtt')]
    await closed
    assert.equal(await cut('mqtt', 'proxy_pending'), 1)
    const tls = secure(behind(others[2] as Socket, HEADERS.v1, 5), device)
    await once(tls, 'secureConnect')
    for (const socket of [tls, ...others]) socket.destroy()
  })

  it('health checks do not count as attacks', async () => {
    const lines = at.log.length
    const refused = 'wott_handshakes_total{door="mqtt",result="refused"}'
    const before = [await cut('mqtt', 'proxy_header'), await at.metric(refused)]
    for (const bytes of ['', LOCAL_HEADER, 'PROXY UNKNOWN\r\n']) {
      const socket = await send('mqtt', bytes)
      socket.end()
      await untilClosed(socket)
    }
    // nothing is left of them
    await at.until('wott_connections{door="mqtt"}', (value) => value <= 0)
    assert.deepEqual([await cut('mqtt', 'proxy_header'), await at.metric(refused)], before)
    assert.deepEqual(at.log.slice(lines), [])
  })

  it('the balancer itself may connect, and has its own address', async () => {
    const tls = secure(behind(await dial('device'), LOCAL_HEADER, 3), device)
    tls.write(WHOAMI)
    assert.match(await firstOf(tls), /^HTTP\/1\.1 200 /)
  })

  it('doors that are not behind it do not change', async () => {
    const tls = secure(await dial('viewer', '127.0.0.3'), null)
    tls.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    assert.match(await firstOf(tls), /^HTTP\/1\.1 200 /)
  })

  it('a client that waits for its handshake cannot fill memory', async () => {
    const room = { maxStrangers: '100', maxStrangersPerAddress: '100' }
    const settings = { ...SETTINGS, ...room, handshakeRatePerAddress: '1' }
    await using slow = await startGateway({ settings })
    const from = (bytes: string) => {
      const socket = connect(slow.ports.device, '127.0.0.1').on('error', () => {})
      socket.write(Buffer.concat([v1Header('203.0.113.9', 1), Buffer.from(bytes)]))
      return socket.resume()
    }
    // one has its turn, and those before it take as many seconds
    const others = Array.from({ length: 30 }, () => from(''))
    const delayed = 'wott_handshakes_delayed_total{door="device"}'
    await slow.until(delayed, (count) => count >= others.length - 1)
    const refused = 'wott_handshakes_total{door="device",result="refused"}'
    const before = await slow.metric(refused)
    const greedy = from('\x16\x03\x01')
    const closed = untilClosed(greedy)
    while (!greedy.destroyed && greedy.writableLength < 1_000_000) {
      greedy.write(Buffer.alloc(65_536))
      await new Promise(setImmediate)
    }
    await closed
    const sample = 'wott_connections_cut_total{door="device",reason="protocol_error"}'
    assert.equal(await slow.metric(sample), 1)
    // it has not reached this point
    assert.equal(await slow.metric(refused), before)
    for (const socket of others) socket.destroy()
  })
})

describe('behind a load balancer, limits of strangers go by the address of the client', () => {
  const settings = { ...SETTINGS, proxyProtocolDoors: 'viewer,enrol', strangerRequestRate: '1' }

  async function secure(
    { port, ca, protocol }: { port: number; ca: string; protocol?: 'h2' },
    client: string,
  ): Promise<TLSSocket> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const ALPNProtocols = protocol ? [protocol] : []
    return connectTls({
      socket: behind(socket, v2Header(client, 1), 20),
      servername: 'localhost',
      ca,
      ALPNProtocols,
    })
  }

  async function status(socket: TLSSocket, request: string): Promise<number> {
    socket.write(request)
    return Number((await firstOf(socket)).split(' ')[1])
  }

  it('on the viewer door', async () => {
    await using at = await startGateway({ settings })
    const door = { port: at.ports.viewer, ca: at.pki.authority.certificate }
    const get = async (client: string) =>
      status(await secure(door, client), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const getHttp2 = async (client: string) => {
      const tls = await secure({ ...door, protocol: 'h2' }, client)
      const session = connectHttp2('https://localhost', { createConnection: () => tls })
      const answer = await http2(session, { ':path': '/' })
      session.destroy()
      return answer.status
    }
    for (let count = 0; count < 5; count++) await get('203.0.113.1')
    assert.deepEqual([await get('203.0.113.1'), await getHttp2('203.0.113.1')], [429, 429])
    assert.deepEqual([await get('203.0.113.2'), await getHttp2('203.0.113.2')], [200, 200])
  })

  it('on the enrol door, whose log names it', async () => {
    await using site = await startEnrolSite({ settings })
    const { csr } = await site.request(null)
    const basic = Buffer.from('device:wrong').toString('base64')
    const request = [
      `POST ${ENROL} HTTP/1.1`,
      ...['Host: localhost', `Authorization: Basic ${basic}`],
      ...['Content-Type: application/pkcs10', `Content-Length: ${csr.length}`, '', csr],
    ].join('\r\n')
    assert.equal(await status(await secure(site, '2001:db8::7'), request), 401)
    const line = await site.logged(({ msg }) => msg === 'refused to issue a certificate')
    assert.equal(line.address, '2001:db8::7')
  })
})
