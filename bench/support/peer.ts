import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import mqttPacket, { type Packet } from 'mqtt-packet'

/** Loads a device's certificate once for all its connections. */
export function contextOf(directory: string): SecureContext {
  const read = (name: string) => readFileSync(join(directory, name))
  return createSecureContext({
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
  })
}

export interface PeerOptions {
  readonly port: number
  readonly context: SecureContext
  readonly clientId: string
  /** MQTT 3.1.1 by default. */
  readonly version?: 4 | 5
  /** Whether its session stays after it disconnects. */
  readonly stays?: boolean
  readonly subscribe?: { readonly topic: string; readonly qos: 0 | 1 }
}

/** An MQTT connection after CONNACK and SUBACK; nothing after them has been read. */
export async function connectPeer(options: PeerOptions): Promise<TLSSocket> {
  const { port, context, clientId, subscribe, version = 4, stays = false } = options
  const socket = connect({ host: 'localhost', port, secureContext: context })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  const connack = await exchange(socket, version, {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clean: !stays,
    keepalive: 0,
    clientId,
  })
  const code = connack.cmd === 'connack' ? (connack.reasonCode ?? connack.returnCode) : undefined
  if (code !== 0) throw new Error('not accepted')
  if (subscribe) {
    const suback = await exchange(socket, version, {
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [subscribe],
    })
    const granted = suback.cmd === 'suback' ? suback.granted[0] : undefined
    if (granted !== subscribe.qos) throw new Error('not subscribed')
  }
  return socket
}

async function exchange(
  socket: TLSSocket,
  protocolVersion: 4 | 5,
  packet: Packet,
): Promise<Packet> {
  const { promise, resolve, reject } = Promise.withResolvers<Packet>()
  const parser = mqttPacket.parser({ protocolVersion })
  const read = (chunk: Buffer) => void parser.parse(chunk)
  const closed = () => reject(new Error('the server closed the connection'))
  parser.once('packet', resolve)
  socket.on('data', read)
  socket.once('close', closed)
  socket.write(mqttPacket.generate(packet, { protocolVersion }))
  try {
    return await promise
  } finally {
    socket.off('data', read)
    socket.off('close', closed)
  }
}

/** Opens `count` connections, a few at a time. */
export async function connectPeers(
  count: number,
  optionsFor: (index: number) => PeerOptions,
): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = []
  let next = 0
  async function connectNext(): Promise<void> {
    while (next < count) {
      const index = next
      next += 1
      sockets[index] = await connectPeer(optionsFor(index))
    }
  }
  await Promise.all(Array.from({ length: 16 }, connectNext))
  return sockets
}
