import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import mqttPacket from 'mqtt-packet'
import { pouredUntilClosed, rawTls, untilClosed } from '../support/raw.ts'
import { connectPacket } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const TEXT = 1
const BINARY = 2
const PING = 9
const PONG = 10
/** Bytes that a client can still send before it notices the end of its connection, including the socket buffers. */
const MOST_POURED = 32 * 1024 * 1024

describe('attacks on MQTT over WebSocket', async () => {
  const settings = { connectTimeout: '1', packetTimeout: '1' }
  const { at, device } = await suiteGateway({ acl: 'pattern readwrite #\n', settings })

  /** An open WebSocket, which says nothing yet. */
  async function open(): Promise<Socket> {
    const socket = await rawTls(at, device)
    const key = randomBytes(16).toString('base64')
    socket.write(
      'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /)
    return socket
  }

  /** One that has its CONNACK. */
  async function connected(): Promise<Socket> {
    const socket = await open()
    socket.write(frame(BINARY, mqttPacket.generate(connectPacket())))
    const [bytes] = await once(socket, 'data')
    assert.deepEqual([...(bytes as Buffer).subarray(2)], [0x20, 2, 0, 0])
    return socket
  }

  /** Expects that the connection ends and is counted as that, once. */
  async function isCutOff(socket: Socket, reason: string, bytes: Buffer): Promise<void> {
    const sample = `wott_connections_cut_total{door="device",reason="${reason}"}`
    const before = (await at.metric(sample)) ?? 0
    socket.write(bytes)
    await untilClosed(socket)
    assert.equal(await at.metric(sample), before + 1)
  }

  it('a text message ends the connection, and is not read [MQTT-6.0.0-1]', async () => {
    const connect = mqttPacket.generate(connectPacket({ clientId: 'text' }))
    await isCutOff(await open(), 'protocol_error', frame(TEXT, connect))
    await isCutOff(await connected(), 'protocol_error', frame(TEXT, Buffer.from([0xc0, 0])))
  })

  it('a message that is too large ends the connection at its header', async () => {
    await isCutOff(await connected(), 'packet_size', header(BINARY, 0xffff_ffff))
  })

  it('an invalid frame ends the connection', async () => {
    // reserved bits, an unknown kind, a control frame in pieces, and a message inside a message
    for (const bytes of [
      Buffer.from([0xf2, 0x80, 0, 0, 0, 0]),
      Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
      frame(PING, Buffer.alloc(1), false),
      Buffer.concat([frame(BINARY, Buffer.alloc(1), false), frame(BINARY, Buffer.alloc(1))]),
    ])
      await isCutOff(await connected(), 'protocol_error', bytes)
  })

  it('a message of thousands of fragments ends the connection', async () => {
    const one = frame(0, Buffer.alloc(1), false)
    const message = Buffer.concat([frame(BINARY, Buffer.alloc(1), false), ...Array(2000).fill(one)])
    await isCutOff(await connected(), 'packet_size', message)
  })

  it('a client that continues after that is disconnected', async () => {
    const socket = await connected()
    socket.write(Buffer.from([0xf2, 0x80, 0, 0, 0, 0]))
    assert.ok((await pouredUntilClosed(socket, Buffer.alloc(65_536))) < MOST_POURED)
  })

  it('a message with slow fragments and pings between them ends the connection', async () => {
    for (const begin of [frame(BINARY, Buffer.alloc(1), false), header(BINARY, 1000)]) {
      const socket = await connected()
      const isFrame = begin.length > 8
      const more = isFrame
        ? Buffer.alloc(1)
        : Buffer.concat([frame(0, Buffer.alloc(1), false), frame(PING, Buffer.from('x'))])
      const trickling = setInterval(() => socket.write(more), 100)
      await isCutOff(socket, 'packet_timeout', begin).finally(() => clearInterval(trickling))
    }
  })

  it('a packet in many fragments with pings between them is accepted', async () => {
    const socket = await connected()
    const packet = mqttPacket.generate({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'x'.repeat(100), qos: 0 }],
    })
    const pieces = [...packet].map((byte, index) =>
      Buffer.concat([
        frame(index === 0 ? BINARY : 0, Buffer.from([byte]), index === packet.length - 1),
        ...(index === 50 ? [frame(PING, Buffer.from('hello'))] : []),
      ]),
    )
    for (const piece of pieces) socket.write(piece)
    let got = Buffer.alloc(0)
    while (!got.includes(Buffer.from([0x90, 3, 0, 1, 0])))
      got = Buffer.concat([got, (await once(socket, 'data'))[0] as Buffer])
    assert.ok(got.includes(Buffer.concat([Buffer.from([0x80 | PONG, 5]), Buffer.from('hello')])))
    socket.destroy()
  })

  it('endless pings of a client that reads no pongs end the connection', async () => {
    const socket = await connected()
    const pings = Buffer.concat(Array(500).fill(frame(PING, Buffer.alloc(125))))
    socket.pause()
    const ended = new Promise((resolve) => socket.once('close', resolve))
    while (!socket.destroyed)
      if (!socket.write(pings))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), ended])
  })

  it('pings and pongs do not count as CONNECT', async () => {
    const socket = await open()
    const pings = setInterval(() => socket.write(frame(PING, Buffer.from('x'))), 100)
    await isCutOff(socket, 'connect_timeout', frame(PONG, Buffer.alloc(0))).finally(() =>
      clearInterval(pings),
    )
  })
})

/** A frame from a client, whose mask is 0. */
function frame(kind: number, payload: Buffer, isLast = true): Buffer {
  const begin = header(kind, payload.length)
  if (!isLast) begin.writeUInt8(kind)
  return Buffer.concat([begin, payload])
}

function header(kind: number, length: number): Buffer {
  const mask = Buffer.alloc(4)
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | kind, 0x80 | length]), mask])
  const extended = length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10)
  extended.writeUInt8(0x80 | kind, 0)
  extended.writeUInt8(0x80 | (length < 65_536 ? 126 : 127), 1)
  if (length < 65_536) extended.writeUInt16BE(length, 2)
  else extended.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([extended, mask])
}
