import type { Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CutReason } from '../metrics/meter.ts'
import { readFirstBytes } from '../net/first-bytes.ts'

/** The beginning of each HTTP/2 connection (RFC 9113 §3.4); no HTTP/1.1 request begins like it. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

type Version = 'http/1.1' | 'h2'

/**
 * Has a server for HTTPS take connections without TLS: HTTP/1.1, or HTTP/2 whose client knows beforehand that it is spoken
 * here (RFC 9113 §3.3). It is the same server otherwise, so each of its bounds holds for them too.
 */
export function serveWithoutTls(
  server: Http2SecureServer,
  { requestTimeout }: { readonly requestTimeout: number },
  onCut: (reason: CutReason) => void,
): void {
  // its own, which go on after a handshake and by what that has agreed on
  const serve = server.listeners('secureConnection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {})
    readFirstBytes(socket, {
      deadline: requestTimeout * 1000,
      decide(bytes) {
        const says = versionOf(bytes)
        return says && { taken: 0, says }
      },
      onDecided(alpnProtocol) {
        Object.assign(socket, { alpnProtocol })
        for (const listener of serve) listener.call(server, socket as TLSSocket)
      },
      onUnfinished: ({ ended }) => ended === 'late' && onCut('request_timeout'),
    })
  })
}

/** Null as long as it may be either. */
function versionOf(bytes: Buffer): Version | null {
  const length = Math.min(bytes.length, PREFACE.length)
  if (bytes.compare(PREFACE, 0, length, 0, length) !== 0) return 'http/1.1'
  return length === PREFACE.length ? 'h2' : null
}
