import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type ServerOptions as WebSocketOptions, WebSocketServer } from 'ws'
import type { Ledger } from '../budget/ledger.ts'
import { GatewayError } from '../errors.ts'
import { beforeDismissal, identityOf } from '../identity/connection.ts'
import type { Trust } from '../identity/trust.ts'
import type { MqttHost } from './mqtt.ts'
import { toMqttStream } from './web-socket.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Bytes of small packets that a client may put into one WebSocket message with a large one [MQTT-6.0.0-2]. */
const GATHERED_BYTES = 1024 * 1024
/** Fragments of one message, and chunks of one fragment: each keeps a whole piece of memory, however few bytes it has. */
const MOST_FRAGMENTS = 1_024
const MOST_CHUNKS = 4_096
/** What a client has to answer the end of its WebSocket with its own; ws gives it 30 seconds, also when it is gone. */
const CLOSE_TIMEOUT_MS = 1_000

/** MQTT from a client that forgets TLS: there is no packet that could answer its CONNECT with the reason. */
export const PLAIN_MQTT = {
  name: 'MQTT',
  beginsWith: (byte: number): boolean => byte === 0x10,
  answer: null,
}

/** The mqtt door: MQTT over TLS, for those whose certificate OpenSSL accepts and names a WoTT ID. Node would refuse others without their name. */
export function createMqttServer(trust: Trust, host: MqttHost): Server {
  const server = createServer({
    ...trust.context,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const who = identityOf(socket)
    // once whoever else listens has seen whose it was
    if (who instanceof GatewayError) process.nextTick(() => socket.destroy())
    else beforeDismissal(socket, host.accept(socket, who, 'mqtt').dismiss)
  })
  return server
}

/** MQTT over WebSocket (§6 of MQTT 3.1.1) for upgrade requests of an identified connection. */
export interface MqttUpgrade {
  /** Takes over the socket. The caller has made sure that path and identity are right. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export function createMqttUpgrade(host: MqttHost, memory: Ledger): MqttUpgrade {
  // ws' types do not know closeTimeout yet
  const options: WebSocketOptions & { closeTimeout: number } = {
    noServer: true,
    maxPayload: host.maxPacket + GATHERED_BYTES,
    maxFragments: MOST_FRAGMENTS,
    maxBufferedChunks: MOST_CHUNKS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    perMessageDeflate: false,
    // the client must offer "mqtt" [MQTT-6.0.0-3]; "mqttv3.1" is what MQTT 3.1 clients offer
    handleProtocols: (offered) =>
      [...offered].find((name) => name === 'mqtt' || name === 'mqttv3.1') ?? false,
  }
  const server = new WebSocketServer(options)
  return {
    accept(request, socket, head) {
      const who = identityOf(socket)
      if (who instanceof GatewayError) return void socket.destroy()
      server.handleUpgrade(request, socket, head, (webSocket) =>
        beforeDismissal(
          socket,
          host.accept(
            toMqttStream(webSocket, socket, {
              messageTime: host.packetTime,
              held: memory.open(who.id, 'packet'),
            }),
            who,
            'device',
          ).dismiss,
        ),
      )
    },
  }
}
