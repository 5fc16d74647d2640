import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type ServerOptions as WebSocketOptions, WebSocketServer } from 'ws'
import type { Ledger } from '../budget/ledger.ts'
import type { Caller } from '../caller.ts'
import { GatewayError } from '../errors.ts'
import { beforeDismissal, identityOf, whatBecameOf } from '../identity/connection.ts'
import type { Identity } from '../identity/identity.ts'
import type { Trust } from '../identity/trust.ts'
import { addressOf } from '../net/address.ts'
import type { MqttConnection } from './connection.ts'
import type { MqttHost } from './mqtt.ts'
import { toMqttStream } from './web-socket.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Bytes of small packets that a client may put into one WebSocket message with a large one [MQTT-6.0.0-2]. */
const GATHERED_BYTES = 1024 * 1024
/** Fragments of one message, and chunks of one fragment: each keeps a whole piece of memory, however few bytes it has. */
const MOST_FRAGMENTS = 1_024
const MOST_CHUNKS = 4_096
/** The time for the closing handshake of a WebSocket; the 30 seconds of ws are long for a client that is gone. */
const CLOSE_TIMEOUT_MS = 1_000
/** The time that a client has to read why its connection ends. */
const PARTING_MS = 1_000

/** MQTT from a client that forgets TLS: there is no packet that could answer its CONNECT with the reason. */
export const PLAIN_MQTT = {
  name: 'MQTT',
  beginsWith: (byte: number): boolean => byte === 0x10,
  answer: null,
}

/** The mqtt door: MQTT over TLS. Refused certificates pass the handshake here, so that the log can name them. */
export function createMqttServer(trust: Trust, host: MqttHost): Server {
  const server = createServer({
    ...trust.context,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const who = identityOf(socket)
    // after other listeners have logged who it was
    if (who instanceof GatewayError) process.nextTick(() => socket.destroy())
    else beforeDismissal(socket, host.accept(socket, who, 'mqtt', addressOf(socket)))
  })
  return server
}

/** Whose WebSocket it is. */
export type WebSocketCaller = Pick<Caller, 'door' | 'ended'> & { readonly identity: Identity }

/** MQTT over WebSocket (§6 of MQTT 3.1.1) for upgrade requests of an identified connection. */
export interface MqttUpgrade {
  /** Takes over the socket. Whoever calls has made sure that path and identity are right. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, caller: WebSocketCaller): void
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
    accept(request, socket, head, { identity, door, ended }) {
      const address = addressOf(request.socket)
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const stream = toMqttStream(webSocket, socket, {
          messageTimeoutMs: host.packetTimeoutMs,
          held: memory.open(identity.id, 'packet'),
        })
        const connection = host.accept(stream, identity, door, address)
        if (ended) endWith(ended, socket, connection)
        else beforeDismissal(socket, connection)
      })
    },
  }
}

/** Ends a WebSocket when its device's certificate no longer holds, although its connection, which a proxy made, goes on. */
function endWith(ended: AbortSignal, socket: Duplex, connection: MqttConnection): void {
  const end = () => {
    connection.dismiss(whatBecameOf(ended.reason))
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }
  if (ended.aborted) end()
  else ended.addEventListener('abort', end)
  socket.once('close', () => ended.removeEventListener('abort', end))
}
