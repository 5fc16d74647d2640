import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** An MQTT client that does what no library would. */
export interface RawMqtt extends Disposable {
  readonly socket: TLSSocket
  send(...packets: (Packet | Buffer)[]): void
  /** The next packet; rejects when the connection closes first. */
  next(): Promise<Packet>
  /** Resolves when the gateway has closed the connection. */
  readonly closed: Promise<unknown>
}

export async function rawMqtt(at: TestGateway, who: Credentials): Promise<RawMqtt> {
  const socket = connect({
    ...{ host: 'localhost', port: at.ports.mqtt },
    ...{ ca: who.ca, cert: who.certificate, key: who.key },
  })
  const arrived: Packet[] = []
  const wanted: PromiseWithResolvers<Packet>[] = []
  const parser = mqttPacket.parser()
  parser.on('packet', (packet) => {
    const want = wanted.shift()
    if (want) want.resolve(packet)
    else arrived.push(packet)
  })
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => parser.parse(chunk))
  // not events.once, which a reset would make reject
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const want of wanted) want.reject(new Error('the connection was closed'))
      resolve()
    })
  })
  await once(socket, 'secureConnect')
  return {
    ...{ socket, closed },
    send(...packets) {
      socket.write(
        Buffer.concat(
          packets.map((packet) => (Buffer.isBuffer(packet) ? packet : mqttPacket.generate(packet))),
        ),
      )
    },
    async next() {
      const packet = arrived.shift()
      if (packet) return packet
      if (socket.destroyed) throw new Error('the connection was closed')
      const want = Promise.withResolvers<Packet>()
      wanted.push(want)
      return want.promise
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

export function connectPacket(more: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4 },
    ...{ clean: true, clientId: 'raw', keepalive: 0 },
    ...more,
  }
}

/** A raw client that has its CONNACK. */
export async function rawConnected(
  at: TestGateway,
  who: Credentials,
  more: Partial<IConnectPacket> = {},
): Promise<RawMqtt> {
  const client = await rawMqtt(at, who)
  client.send(connectPacket(more))
  const connack = await client.next()
  if (connack.cmd !== 'connack' || connack.returnCode !== 0)
    throw new Error(`refused: ${JSON.stringify(connack)}`)
  return client
}
