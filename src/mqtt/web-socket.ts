import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'
import { codeOf } from '../errors.ts'
import { protocolError } from './cursor.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** The bytes of a WebSocket's binary messages; one of text ends it with a ProtocolError [MQTT-6.0.0-1]. */
export function toMqttStream(webSocket: WebSocket): Duplex {
  // first, so that the text is not read
  webSocket.on('message', (_, isBinary) => {
    if (!isBinary) stream.destroy(protocolError('sent a WebSocket message of text [MQTT-6.0.0-1]'))
  })
  const stream = createWebSocketStream(webSocket)
  return stream
}

/** What a client did wrong where a stream's error says so; null for an error of the network. */
export function faultOf(error: Error): ProtocolError | null {
  if (error instanceof ProtocolError) return error
  const code = codeOf(error)
  if (!code?.startsWith('WS_ERR_')) return null
  const reason = TOO_LARGE.has(code) ? Reason.packetTooLarge : Reason.protocolError
  return new ProtocolError(reason, `sent what WebSocket does not allow: ${error.message}`)
}

const TOO_LARGE: ReadonlySet<string> = new Set([
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
])
