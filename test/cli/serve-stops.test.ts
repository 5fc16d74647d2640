import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { deviceFiles } from '../../src/ca/layout.ts'
import { connectPacket } from '../support/raw-mqtt.ts'
import { type Running, startGateway } from './program.ts'
import { createSite, type Site } from './site.ts'

const DRAIN_SECONDS = 2
/** Time that a process may take to end after its drain time, on a busy machine; without that limit these would never end. */
const SLACK_MS = 10_000
const TOPIC = 'wott/temperature'
/** More than the buffers of the system hold on both sides. */
const MUCH = 400

describe('serve that is stopped with attackers on every door', () => {
  let site: Site
  let gateway: Running
  let own: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>
  let publisher: typeof own

  before(async () => {
    site = await createSite()
    gateway = await startGateway(site.serveBut({ '--drain-seconds': String(DRAIN_SECONDS) }))
    own = await credentials('subscriber')
    publisher = await credentials('sensor')
  })
  after(async () => {
    await gateway?.[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  async function credentials(name: string): Promise<typeof own> {
    const { ca, certificate, key } = deviceFiles(site.layout, name)
    return { ca: await readFile(ca), cert: await readFile(certificate), key: await readFile(key) }
  }

  async function tls(
    door: 'device' | 'mqtt' | 'viewer',
    options: ConnectionOptions = own,
  ): Promise<TLSSocket> {
    const port = gateway.ports[door]
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ...options })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }

  async function tcp(door: keyof Running['ports']): Promise<Socket> {
    const socket = connectTcp(gateway.ports[door], '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  const send = (socket: Socket, ...packets: Packet[]) => {
    for (const packet of packets) socket.write(mqttPacket.generate(packet))
  }

  async function mqtt(clientId: string, clean = true): Promise<TLSSocket> {
    const socket = await tls('mqtt')
    send(socket, connectPacket({ clientId, clean, keepalive: 0 }))
    await once(socket, 'data')
    return socket
  }

  async function webSocket(): Promise<TLSSocket> {
    const socket = await tls('device')
    const key = randomBytes(16).toString('base64')
    socket.write(
      'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await once(socket, 'data')
    return socket
  }

  const masked = (first: number, payload: Buffer) =>
    Buffer.concat([
      Buffer.from([first, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]),
      payload,
    ])

  /** Opens connections of every kind that keep the gateway busy. */
  async function attack(): Promise<void> {
    const subscription = { subscriptions: [{ topic: TOPIC, qos: 1 as const }] }
    // silence, half a handshake, half a request, half a packet
    for (const door of ['device', 'mqtt', 'viewer', 'ops'] as const) {
      await tcp(door)
      ;(await tcp(door)).write(Buffer.from([22, 3, 1, 2]))
    }
    ;(await tcp('ops')).write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ')
    for (const door of ['device', 'viewer'] as const) {
      ;(await tls(door)).write('POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1')
      ;(await tls(door)).write('GET / HTTP/1.1\r\nHost')
      const session = connectHttp2(`https://127.0.0.1:${gateway.ports[door]}`, {
        ...own,
        servername: 'localhost',
      })
      session.on('error', () => {})
      const stream = session.request({ ':method': 'POST', ':path': `/topics/${TOPIC}` })
      stream.on('error', () => {})
      stream.write('half')
    }
    ;(await tls('mqtt')).write(Buffer.from([0x10]))
    ;(await mqtt('half')).write(Buffer.from([0x30, 100, 0, 5]))
    // subscribers and streams that do not read
    for (const socket of [await mqtt('deaf'), await mqtt('deaf too', false)]) {
      send(socket, { cmd: 'subscribe', messageId: 1, ...subscription })
      await once(socket, 'data')
      socket.pause()
    }
    const stream = await tls('device')
    stream.write(`GET /stream?filter=${TOPIC} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await once(stream, 'data')
    stream.pause()
    const deaf = await webSocket()
    deaf.write(masked(0x82, mqttPacket.generate(connectPacket({ clientId: 'deaf ws' }))))
    await once(deaf, 'data')
    deaf.write(
      masked(0x82, mqttPacket.generate({ cmd: 'subscribe', messageId: 1, ...subscription })),
    )
    await once(deaf, 'data')
    deaf.pause()
    // an invalid frame and then silence, and half a message
    const wrong = await webSocket()
    wrong.pause()
    wrong.write(Buffer.from([0xf2, 0x80, 0, 0, 0, 0]))
    ;(await webSocket()).write(masked(0x02, Buffer.alloc(300)))
    // many messages for all of them, from a client that keeps sending
    const flood = await tls('mqtt', publisher)
    send(flood, connectPacket({ clientId: 'flood' }))
    await once(flood, 'data')
    const payload = Buffer.alloc(100_000)
    for (let id = 1; id <= MUCH; id++)
      send(flood, {
        cmd: 'publish',
        topic: TOPIC,
        payload,
        qos: 1,
        messageId: id,
        dup: false,
        retain: false,
      })
    const reader = await tls('device')
    const request = `GET /history?filter=${TOPIC} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    reader.write(request.repeat(5))
    await once(reader, 'data')
    reader.pause()
    const timer = setInterval(() => {
      send(flood, {
        cmd: 'publish',
        topic: TOPIC,
        payload,
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
      })
      wrong.write(Buffer.alloc(10))
    }, 5)
    flood.once('close', () => clearInterval(timer))
  }

  it('ends soon after the drain time', async () => {
    await attack()
    const sent = performance.now()
    gateway.process.kill('SIGTERM')
    const { code, stderr } = await gateway.ended
    const took = performance.now() - sent
    assert.deepEqual([code, stderr], [0, ''])
    assert.ok(took < DRAIN_SECONDS * 1000 + SLACK_MS, `${Math.round(took)} ms`)
  })
})

describe('serve that is stopped while something hangs', () => {
  let site: Site
  before(async () => {
    site = await createSite()
  })
  after(() => site[Symbol.asyncDispose]())

  /** Stops a gateway in whose process `code` ran first; returns how it ended and after how long. */
  async function stop(code: string) {
    await using gateway = await startGateway(site.serveBut({ '--drain-seconds': '1' }), {
      env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` },
    })
    const sent = performance.now()
    gateway.process.kill('SIGTERM')
    const { code: exit, signal } = await gateway.ended
    return { exit, signal, took: performance.now() - sent, lines: gateway.lines.join('\n') }
  }

  it('ends although something keeps the process alive', async () => {
    const { exit, took, lines } = await stop('setInterval(() => {}, 1000)')
    assert.equal(exit, 0)
    assert.ok(took < 1000 + SLACK_MS, `${Math.round(took)} ms`)
    assert.match(lines, /"kept":\[.*"Timeout".*did not end by itself/)
  })

  it('ends by its signal although closing never ends', async () => {
    const { signal, took, lines } = await stop(
      "import net from 'node:net'; net.Server.prototype.close = function () { return this }",
    )
    assert.equal(signal, 'SIGTERM')
    assert.ok(took < 1000 + SLACK_MS, `${Math.round(took)} ms`)
    assert.match(lines, /shutdown takes too long/)
  })
})
