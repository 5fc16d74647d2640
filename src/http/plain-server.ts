import type { Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CutReason } from '../metrics/meter.ts'
import { createFirstBytes } from '../net/first-bytes.ts'
import { nameSocket } from './lean-exchange.ts'

/** The beginning of each HTTP/2 connection (RFC 9113 §3.4); no HTTP/1.1 request begins with these bytes. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

type Version = 'http/1.1' | 'h2'

/**
 * Makes an HTTPS server accept connections without TLS: HTTP/1.1, or HTTP/2 with prior knowledge (RFC 9113 §3.3). It stays the
 * same server otherwise, so all its limits apply to them too.
 */
export function serveWithoutTls(
  server: Http2SecureServer,
  { requestTimeoutMs }: { readonly requestTimeoutMs: number },
  onCut: (reason: CutReason) => void,
): void {
  // the server's own listeners, which run after a handshake and depend on its ALPN result
  const serve = server.listeners('secureConnection')
  server.removeAllListeners('connection')
  const readVersion = createFirstBytes<Version>({
    deadlineMs: requestTimeoutMs,
    decide(bytes) {
      const says = versionOf(bytes)
      return says && { taken: 0, says }
    },
    onDecided(socket, alpnProtocol) {
      Object.assign(socket, { alpnProtocol })
      nameSocket(socket)
      for (const listener of serve) listener.call(server, socket as TLSSocket)
      // an HTTP/2 session reads what has arrived itself
      if (alpnProtocol === 'http/1.1') socket.resume()
    },
    onUnfinished: (_socket, { ended }) => ended === 'late' && onCut('request_timeout'),
  })
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {})
    readVersion(socket)
  })
}

/** Null while both versions are possible. */
function versionOf(bytes: Buffer): Version | null {
  const length = Math.min(bytes.length, PREFACE.length)
  if (bytes.compare(PREFACE, 0, length, 0, length) !== 0) return 'http/1.1'
  return length === PREFACE.length ? 'h2' : null
}
