import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'
import type { Hold } from '../budget/ledger.ts'
import { codeOf } from '../errors.ts'
import { protocolError } from './cursor.ts'
import { boundDiscarded } from './discarded.ts'
import { noMemory } from './holds.ts'
import { createMessageProgress } from './message-progress.ts'
import { ProtocolError, Reason } from './reasons.ts'

export interface MessageBounds {
  /** Milliseconds that a message may take to arrive: it is no packet yet, and has no other deadline. */
  readonly messageTimeoutMs: number
  /** Counts what is kept of it until then. */
  readonly held: Hold
}

/** The bytes of a WebSocket's binary messages; one of text ends it with a ProtocolError [MQTT-6.0.0-1]. */
export function toMqttStream(
  webSocket: WebSocket,
  socket: Duplex,
  { messageTimeoutMs, held }: MessageBounds,
): Duplex {
  const stopCounting = countFragments(webSocket, socket, held, () => stream.destroy(noMemory()))
  // first, so that the text is not read
  webSocket.on('message', (_, isBinary) => {
    if (!isBinary) stream.destroy(protocolError('sent a WebSocket message of text [MQTT-6.0.0-1]'))
  })
  const stream = createWebSocketStream(webSocket)
  const stopTiming = timeMessages(webSocket, socket, messageTimeoutMs, () => {
    stream.destroy(new LateMessage())
    // without this it is closed, and may go on for as long as that takes
    webSocket.terminate()
  })
  // `ws` takes nothing of it apart any more, and throws away what comes until the client has closed its end
  webSocket.once('error', () => {
    stopTiming()
    stopCounting()
    boundDiscarded(socket)
  })
  socket.once('close', () => {
    stopTiming()
    // what was still to be read is not read any more, also where nothing is read for now
    stream.destroy()
  })
  return stream
}

/** Counts what came of a message that is not whole, which `ws` keeps until it is. Returns what stops it. */
function countFragments(
  webSocket: WebSocket,
  socket: Duplex,
  held: Hold,
  onFull: () => void,
): () => void {
  let bytes = 0
  let last = 0
  // of the same chunk there can be a part of the next message
  webSocket.prependListener('message', () => {
    bytes = Math.min(bytes, last)
    held.resize(bytes)
  })
  function count({ length }: Buffer): void {
    bytes += length
    last = length
    if (!held.resize(bytes)) onFull()
  }
  socket.prependListener('data', count)
  socket.once('close', () => held.release())
  return () => {
    socket.off('data', count)
    held.release()
  }
}

/** A WebSocket message that took too long. */
export class LateMessage extends ProtocolError {
  constructor() {
    super(Reason.keepAliveTimeout, 'sent a WebSocket message that did not arrive in time')
  }
}

/** Calls `onLate` when a message has begun and not ended in time. Returns what stops it. */
function timeMessages(
  webSocket: WebSocket,
  socket: Duplex,
  messageTime: number,
  onLate: () => void,
): () => void {
  const progress = createMessageProgress()
  let timer: NodeJS.Timeout | undefined
  let timed = -1

  function expire(): void {
    timer = undefined
    timed = -1
    // what we do not read cannot arrive
    if (webSocket.isPaused) time()
    else onLate()
  }

  function time(): void {
    if (!progress.isPartial()) {
      clearTimeout(timer)
      timer = undefined
    } else if (timer === undefined || timed !== progress.ended()) {
      clearTimeout(timer)
      timed = progress.ended()
      timer = setTimeout(expire, messageTime).unref()
    }
  }

  function push(bytes: Buffer): void {
    progress.push(bytes)
    time()
  }
  socket.on('data', push)
  return () => {
    socket.off('data', push)
    clearTimeout(timer)
  }
}

/** What a client did wrong where a stream's error says so; null for an error of the network. */
export function faultOf(error: Error): ProtocolError | null {
  if (error instanceof ProtocolError) return error
  const code = codeOf(error)
  if (!code?.startsWith('WS_ERR_')) return null
  const reason = TOO_LARGE.has(code) ? Reason.packetTooLarge : Reason.protocolError
  return new ProtocolError(reason, `broke the WebSocket protocol: ${error.message}`)
}

const TOO_LARGE: ReadonlySet<string> = new Set([
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
])
