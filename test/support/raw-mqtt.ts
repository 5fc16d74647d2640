import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

export type Version = 3 | 4 | 5

/** An MQTT client that can send what no library would. */
export interface RawMqtt extends Disposable {
  readonly socket: TLSSocket
  /** Sends a packet in the version of the last CONNECT that was sent as a packet. */
  send(...packets: (Packet | Buffer)[]): void
  /** The next packet; rejects when the connection closes first. */
  next(): Promise<Packet>
  /** The bytes of the next packet, with the order of user properties, which mqtt-packet loses. */
  nextBytes(): Promise<Buffer>
  /** Resolves when the gateway has closed the connection. */
  readonly closed: Promise<unknown>
}

/** Opens a TLS connection; `version` is for tests that send their CONNECT as bytes. */
export async function rawMqtt(
  at: { readonly ports: Pick<TestGateway['ports'], 'mqtt'> },
  who: Credentials,
  version: Version = 4,
): Promise<RawMqtt> {
  const socket = connect({
    host: 'localhost',
    port: at.ports.mqtt,
    ca: who.ca,
    cert: who.certificate,
    key: who.key,
  })
  const codec = { protocolVersion: version }
  const arrived: Buffer[] = []
  const wanted: PromiseWithResolvers<Buffer>[] = []
  let rest: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let end = packetLength(rest); end > 0; end = packetLength(rest)) {
      const bytes = rest.subarray(0, end)
      rest = rest.subarray(end)
      const want = wanted.shift()
      if (want) want.resolve(bytes)
      else arrived.push(bytes)
    }
  })
  // not events.once, which rejects after a reset
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const want of wanted) want.reject(new Error('the connection was closed'))
      resolve()
    })
  })
  await once(socket, 'secureConnect')

  function toBytes(packet: Packet | Buffer): Buffer {
    if (Buffer.isBuffer(packet)) return packet
    if (packet.cmd === 'connect') codec.protocolVersion = packet.protocolVersion ?? 4
    return mqttPacket.generate(packet, codec)
  }

  async function nextBytes(): Promise<Buffer> {
    const bytes = arrived.shift()
    if (bytes) return bytes
    if (socket.destroyed) throw new Error('the connection was closed')
    const want = Promise.withResolvers<Buffer>()
    wanted.push(want)
    return want.promise
  }

  return {
    socket,
    closed,
    nextBytes,
    send: (...packets) => void socket.write(Buffer.concat(packets.map(toBytes))),
    next: async () => parsePacket(await nextBytes(), codec.protocolVersion),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The length of the first packet in `bytes`; 0 while it is incomplete. */
function packetLength(bytes: Buffer): number {
  let length = 0
  for (let index = 1; index < Math.min(bytes.length, 5); index++) {
    const byte = bytes.readUInt8(index)
    length += (byte & 0x7f) << (7 * (index - 1))
    if (byte >= 0x80) continue
    const end = index + 1 + length
    return end <= bytes.length ? end : 0
  }
  return 0
}

function parsePacket(bytes: Buffer, protocolVersion: Version): Packet {
  const parsed: Packet[] = []
  const parser = mqttPacket.parser({ protocolVersion })
  parser.on('packet', (packet) => parsed.push(packet))
  parser.on('error', (error) => {
    throw error
  })
  parser.parse(bytes)
  const [packet] = parsed
  if (packet === undefined) throw new Error(`not a packet: ${bytes.toString('hex')}`)
  return packet
}

export function connectPacket(more: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'raw',
    keepalive: 0,
    ...more,
  }
}

/** Connects a raw client up to its CONNACK. */
export async function rawConnected(
  at: Pick<TestGateway, 'ports'>,
  who: Credentials,
  more: Partial<IConnectPacket> = {},
): Promise<RawMqtt> {
  const client = await rawMqtt(at, who)
  client.send(connectPacket(more))
  const connack = await client.next()
  if (connack.cmd !== 'connack' || (connack.reasonCode ?? connack.returnCode) !== 0)
    throw new Error(`refused: ${JSON.stringify(connack)}`)
  return client
}
