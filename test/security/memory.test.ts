import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { Packet } from 'mqtt-packet'
import { http1, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient, plain } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls, untilClosed } from '../support/raw.ts'
import { connectPacket, type RawMqtt, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'

const KIB = 1024

describe('a device that uses up its memory limit in the gateway', () => {
  let at: TestGateway
  let device: Credentials
  let other: Credentials

  before(async () => {
    const settings = {
      memoryBytes: '2MiB',
      memoryBytesPerDevice: '512KiB',
      publishRate: '0',
      streamBuffer: '1GiB',
      clientBuffer: '1GiB',
    }
    at = await startGateway({ acl: 'pattern readwrite #\n', settings })
    device = await at.pki.issue('device.d.wott.local')
    other = await at.pki.issue('other.d.wott.local')
    // the space left by seven of them is enough for requests, but not for an answer
    const body = Buffer.alloc(60 * KIB, 'x')
    assert.equal((await post(other, '/topics/large?retain=true', body)).status, 200)
  })
  after(() => at[Symbol.asyncDispose]())

  function post(who: Credentials, path: string, body: string | Buffer) {
    const headers = path === '/topics' ? { 'content-type': 'application/x-ndjson' } : {}
    return http1(at, who, { method: 'POST', path, body, headers })
  }

  const refused = (kind: string) => at.metric(`wott_memory_refused_total{kind="${kind}"}`)

  async function held(): Promise<number> {
    const samples = (await at.metrics()).matchAll(/^wott_memory_held_bytes\{.*?\} (\d+)/gm)
    return samples.reduce((sum, [, bytes]) => sum + Number(bytes), 0)
  }

  /** Checks that `attack` is refused by this bound, that others are served meanwhile, and that all memory is freed afterwards. */
  async function refusesOnly(kind: string, attack: () => Promise<() => void>): Promise<void> {
    const before = (await refused(kind)) ?? 0
    const leave = await attack()
    await until(
      () => refused(kind),
      (count) => count !== before,
    )
    assert.ok((await held()) <= 512 * KIB, `${await held()}`)
    assert.equal((await post(other, '/topics/honest', 'x')).status, 200)
    using honest = await connectClient(at, other, 'honest')
    await honest.subscribe('honest')
    await honest.publish('honest', 'x')
    assert.deepEqual(await honest.receive(), plain('honest', 'x'))
    await honest.disconnect()
    leave()
    await until(held, (bytes) => bytes === 0)
    assert.equal((await post(device, '/topics/again', 'x')).status, 200)
  }

  it('with unfinished bodies is answered 429', () =>
    refusesOnly('body', async () => {
      const session = http2Session(at, device)
      const headers = {
        ':method': 'POST',
        ':path': '/topics',
        'content-type': 'application/x-ndjson',
      }
      const piece = Buffer.alloc(48 * KIB, '\n')
      const streams = Array.from({ length: 12 }, () => {
        const stream = session.request(headers).on('error', () => {})
        stream.write(piece)
        return stream
      })
      const statuses = streams.map(async (stream) => (await once(stream, 'response'))[0][':status'])
      assert.equal(await Promise.race(statuses), 429)
      return () => session.destroy()
    }))

  it('with a body over HTTP/1.1 is answered 429 with Retry-After', async () => {
    const { status, json, headers } = await post(device, '/topics', '\n'.repeat(600 * KIB))
    assert.deepEqual([status, json.code, headers['retry-after']], [429, 'quota_exceeded', '1'])
  })

  /** Sends requests on twenty connections, and reads nothing. */
  async function askUnread(): Promise<() => void> {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => rawTls(at, device)))
    for (const socket of sockets) {
      socket.pause()
      socket.write('GET /topics/large HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
    }
    return () => {
      for (const socket of sockets) socket.destroy()
    }
  }

  it('with unread answers over HTTP/1.1 is refused, and its connection is closed', () =>
    refusesOnly('answer', askUnread))

  it('with requests alone is disconnected', () => refusesOnly('request', askUnread))

  it('with answers over HTTP/2 without a window is answered 429', () =>
    refusesOnly('answer', async () => {
      const session = connectHttp2(`https://localhost:${at.ports.device}`, {
        ca: device.ca,
        cert: device.certificate,
        key: device.key,
        settings: { initialWindowSize: 0 },
      })
      await once(session, 'connect')
      const streams = Array.from({ length: 10 }, () =>
        session.request({ ':path': '/topics/large' }).on('error', () => {}),
      )
      const answers = await Promise.all(streams.map((stream) => once(stream, 'response')))
      const statuses = new Set(answers.map(([headers]) => headers[':status']))
      assert.deepEqual([...statuses].sort(), [200, 429])
      return () => session.destroy()
    }))

  it('with unread streams loses them', () =>
    refusesOnly('stream', async () => {
      const sockets: TLSSocket[] = []
      for (let count = 0; count < 8; count++) {
        const socket = await rawTls(at, device)
        socket.write('GET /stream?filter=flood HTTP/1.1\r\nHost: a\r\n\r\n')
        await once(socket, 'data')
        socket.pause()
        sockets.push(socket)
      }
      using writer = await connectClient(at, other, 'writer')
      const before = (await refused('stream')) ?? 0
      while ((await refused('stream')) === before)
        await writer.publish('flood', 'x'.repeat(100 * KIB), { qos: 1 })
      await writer.disconnect()
      return () => {
        for (const socket of sockets) socket.destroy()
      }
    }))

  it('with unread messages loses those with QoS 0', () =>
    refusesOnly('delivery', async () => {
      using writer = await connectClient(at, other, 'writer')
      const readers: RawMqtt[] = []
      for (const clientId of ['a', 'b', 'c']) {
        const reader = await rawConnected(at, device, { clientId })
        reader.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'flood', qos: 0 }] })
        await reader.next()
        reader.socket.pause()
        readers.push(reader)
      }
      const before = (await refused('delivery')) ?? 0
      while ((await refused('delivery')) === before)
        await writer.publish('flood', 'x'.repeat(100 * KIB), { qos: 1 })
      for (const reader of readers) assert.ok(!reader.socket.destroyed)
      await writer.disconnect()
      return () => {
        for (const reader of readers) reader.socket.destroy()
      }
    }))

  it('with unfinished packets is disconnected with 0x97', () =>
    refusesOnly('packet', async () => {
      const clients: RawMqtt[] = []
      for (let count = 0; count < 5; count++) {
        const client = await rawConnected(at, device, {
          protocolVersion: 5,
          clientId: `p${count}`,
        })
        client.send(Buffer.concat([Buffer.from([0x30, 0xff, 0xff, 0x0a]), Buffer.alloc(130 * KIB)]))
        clients.push(client)
      }
      const packet = await Promise.race(clients.map((client) => client.next()))
      assert.deepEqual(
        [packet.cmd, 'reasonCode' in packet && packet.reasonCode],
        ['disconnect', 0x97],
      )
      return () => {
        for (const client of clients) client.socket.destroy()
      }
    }))

  it('with fragments of WebSocket messages is disconnected', () =>
    refusesOnly('packet', async () => {
      const sockets: TLSSocket[] = []
      for (let count = 0; count < 3; count++) {
        const socket = await rawTls(at, device)
        socket.write(UPGRADE)
        await once(socket, 'data')
        socket.write(Buffer.concat([frameHead(0x02, 200 * KIB), Buffer.alloc(200 * KIB)]))
        sockets.push(socket)
      }
      await Promise.race(sockets.map((socket) => untilClosed(socket)))
      return () => {
        for (const socket of sockets) socket.destroy()
      }
    }))

  it('with topic aliases is disconnected with 0x97', () =>
    refusesOnly('alias', async () => {
      const clients: RawMqtt[] = []
      const before = (await refused('alias')) ?? 0
      for (let count = 0; (await refused('alias')) === before; count++) {
        const client = await rawConnected(at, device, {
          protocolVersion: 5,
          clientId: `a${count}`,
        })
        client.send({
          cmd: 'publish',
          topic: 'x'.repeat(60_000),
          payload: '',
          qos: 0,
          dup: false,
          retain: false,
          properties: { topicAlias: 1 },
        })
        client.send({ cmd: 'pingreq' })
        const packet = await client.next()
        if (packet.cmd === 'disconnect') assert.equal(packet.reasonCode, 0x97)
        clients.push(client)
      }
      return () => {
        for (const client of clients) client.socket.destroy()
      }
    }))

  for (const [protocolVersion, refusal] of [
    [5, 0x97],
    [4, 0x80],
  ] as const)
    it(`with filters is granted no more: 0x${refusal.toString(16)} in SUBACK`, () =>
      refusesOnly('subscription', async () => {
        const client = await rawConnected(at, device, { protocolVersion })
        const granted: number[] = []
        for (let count = 0; count < 4; count++) {
          const topic = `${count}/${'x'.repeat(60_000)}`
          const subscriptions = [{ topic, qos: 0 as const }]
          client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
          const suback = await client.next()
          assert.ok(suback.cmd === 'suback')
          granted.push(...(suback.granted as number[]))
        }
        assert.deepEqual(granted, [0, 0, refusal, refusal])
        return () => client.socket.destroy()
      }))

  it('with wills is refused another one: 0x97 in CONNACK', () =>
    refusesOnly('will', async () => {
      const clients: RawMqtt[] = []
      const will = { topic: 'w', payload: Buffer.alloc(12_000), qos: 0, retain: false } as const
      for (let reason = 0; reason === 0; ) {
        const client = await rawMqtt(at, device, 5)
        clients.push(client)
        client.send(connectPacket({ protocolVersion: 5, clientId: `w${clients.length}`, will }))
        const connack = await client.next()
        assert.ok(connack.cmd === 'connack')
        reason = connack.reasonCode ?? 0
        if (reason !== 0) assert.equal(reason, 0x97)
      }
      return () => {
        for (const client of clients) client.socket.destroy()
      }
    }))

  it('with sessions is refused another one: 0x97 in CONNACK, or return code 3 before MQTT 5', async () => {
    const expiry = (seconds: number) => ({ properties: { sessionExpiryInterval: seconds } })
    const names = Array.from({ length: 16 }, (_, index) => `${index}`.padEnd(12_000, 'x'))
    const open = async (clientId: string, more: object) => {
      using client = await rawMqtt(at, device)
      client.send(connectPacket({ protocolVersion: 5, clientId, ...more }))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      return connack.reasonCode ?? connack.returnCode
    }
    const opened: string[] = []
    for (const name of names)
      if ((await open(name, { clean: false, ...expiry(3600) })) === 0) opened.push(name)
    assert.equal(opened.length, 10)
    assert.equal(await open('late'.padEnd(12_000, 'x'), { clean: false, ...expiry(3600) }), 0x97)
    assert.equal(await open('old'.padEnd(12_000, 'x'), { clean: false, protocolVersion: 4 }), 3)
    // resuming a session takes no more memory, and a session that ends with its connection still fits
    assert.equal(await open(opened[0] as string, { clean: false, ...expiry(3600) }), 0)
    assert.equal(await open('passing', { clean: true }), 0)
    for (const name of opened) assert.equal(await open(name, { clean: true, ...expiry(0) }), 0)
    await until(held, (bytes) => bytes === 0)
  })

  it('with QoS 2 messages without PUBREL is disconnected with 0x93', () =>
    refusesOnly('arrival', async () => {
      const clients: RawMqtt[] = []
      for (let packet: Packet | null = null; packet?.cmd !== 'disconnect'; ) {
        const client = await rawConnected(at, device, {
          protocolVersion: 5,
          clientId: `q${clients.length}`,
        })
        clients.push(client)
        client.send(
          ...Array.from({ length: 900 }, (_, index) => ({
            cmd: 'publish' as const,
            topic: 'q',
            payload: '',
            qos: 2 as const,
            messageId: index + 1,
            dup: false,
            retain: false,
          })),
        )
        for (let count = 0; count < 900 && packet?.cmd !== 'disconnect'; count++)
          packet = await client.next()
        if (packet?.cmd === 'disconnect') assert.equal(packet.reasonCode, 0x93)
      }
      return () => {
        for (const client of clients) client.socket.destroy()
      }
    }))
})

describe('several devices that fill the common memory limit', () => {
  it('leave room for devices that use little', async () => {
    const settings = { memoryBytes: '4MiB', memoryBytesPerDevice: '2MiB' }
    await using at = await startGateway({ acl: 'pattern readwrite #\n', settings })
    const kept = await at.pki.issue('other.d.wott.local')
    const path = { ':method': 'POST', ':path': '/topics' }
    const type = { 'content-type': 'application/x-ndjson' }
    const sessions = []
    async function refused(): Promise<number> {
      const samples = (await at.metrics()).matchAll(/^wott_memory_refused_total\{.*?\} (\d+)/gm)
      return samples.reduce((sum, [, count]) => sum + Number(count), 0)
    }
    const held = async () => (await at.metric('wott_memory_held_bytes{kind="body"}')) ?? 0
    for (const name of ['a', 'b', 'c', 'd']) {
      const session = http2Session(at, await at.pki.issue(`${name}.d.wott.local`))
      sessions.push(session)
      for (const size of [500, 250, 120, 60, 30, 14]) {
        if (session.closed || session.destroyed) break
        const before = [await refused(), await held()]
        const stream = session.request({ ...path, ...type }).on('error', () => {})
        stream.write(Buffer.alloc(size * KIB, '\n'))
        // until it is refused or has used up its limit
        await until(
          async () => [await refused(), await held()],
          ([count, bytes = 0]) => count !== before[0] || bytes >= (before[1] ?? 0) + size * KIB,
        )
      }
    }
    assert.ok((await refused()) > 0 && (await held()) <= 3072 * KIB, `${await held()}`)
    assert.ok((await held()) > 2900 * KIB, `${await held()}`)
    const small = { method: 'POST', path: '/topics/s', body: 'x' }
    assert.equal((await http1(at, kept, small)).status, 200)
    assert.equal((await http1(at, kept, { ...small, body: 'x'.repeat(60_000) })).status, 429)
    for (const session of sessions) session.destroy()
  })
})

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n')

/** The header of a first fragment of `bytes` bytes, masked with zeros. */
function frameHead(first: number, bytes: number): Buffer {
  const head = Buffer.alloc(14)
  head[0] = first
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return head
}
