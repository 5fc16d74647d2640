import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
  parser,
} from 'mqtt-packet'

export interface Peer {
  readonly connect: IConnectPacket
  send(packet: Packet): void
  readonly socket: Socket
}

/** The behaviour of a broker, for what no real broker can be made to do. */
export interface Script {
  /** The CONNACK apart from its acceptance, or what happens instead. */
  connack?(connect: IConnectPacket): Partial<IConnackPacket> | 'nothing' | 'close'
  /** Handles a PUBLISH; by default QoS 1 is acknowledged. */
  onPublish?(packet: IPublishPacket, peer: Peer): void
  onPacket?(packet: Packet, peer: Peer): void
}

export interface ScriptedBroker extends AsyncDisposable {
  readonly port: number
  readonly connects: (IConnectPacket & { bridgeMode?: boolean })[]
}

export function puback(packet: Pick<IPublishPacket, 'messageId'>, reasonCode = 0): Packet {
  return { cmd: 'puback', messageId: packet.messageId as number, reasonCode }
}

export async function startScriptedBroker(script: Script = {}): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>()
  const connects: ScriptedBroker['connects'] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    let peer: Peer | undefined
    const parse = parser()
    const answer = (packet: Packet) => {
      if (packet.cmd === 'connect') {
        connects.push(packet)
        const protocolVersion = packet.protocolVersion ?? 4
        const send = (out: Packet) => void socket.write(generate(out, { protocolVersion }))
        peer = { connect: packet, socket, send }
        const said = script.connack ? script.connack(packet) : {}
        const codes = protocolVersion === 5 ? { reasonCode: 0 } : { returnCode: 0 }
        if (said === 'close') socket.end()
        else if (said !== 'nothing')
          send({ cmd: 'connack', sessionPresent: false, ...codes, ...said })
      } else if (peer && packet.cmd === 'publish' && script.onPublish)
        script.onPublish(packet, peer)
      else if (packet.cmd === 'publish' && packet.qos === 1) peer?.send(puback(packet))
      else if (packet.cmd === 'pingreq') peer?.send({ cmd: 'pingresp' })
      else if (peer) script.onPacket?.(packet, peer)
    }
    parse.on('packet', answer)
    socket.on('data', (chunk: Buffer) => parse.parse(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    connects,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
