import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'
import { type HttpSettings, KEEP_ALIVE_MS, SWEEP_MS } from './deadlines.ts'

export interface SessionLimits {
  readonly settings: Pick<HttpSettings, 'requestTimeoutMs' | 'maxRequestsPerConnection'>
  /** Called for each connection that has sent no request in time. */
  onCut(reason: 'request_timeout'): void
  /** Called when a connection has begun as many requests as it may. */
  onLastRequest(session: ServerHttp2Session): void
}

/** The use of a connection; its bytes do not show whether it is used, because pings are bytes too. */
interface Use {
  streams: number
  requests: number
  quietSince: number
}

/**
 * Counts the requests of each HTTP/2 connection, and ends those that are idle for too long; Node itself does that for HTTP/1.1.
 * Returns a function for all open connections.
 */
export function followSessions(
  server: Server,
  { settings, onCut, onLastRequest }: SessionLimits,
): () => Iterable<ServerHttp2Session> {
  const { requestTimeoutMs, maxRequestsPerConnection } = settings
  const uses = new Map<ServerHttp2Session, Use>()

  server.on('session', (session: ServerHttp2Session) => {
    const use = { streams: 0, requests: 0, quietSince: performance.now() }
    uses.set(session, use)
    session.once('close', () => uses.delete(session))
    // one function for all streams of the connection
    const left = () => {
      use.streams -= 1
      use.quietSince = performance.now()
    }
    session.on('stream', (stream) => {
      use.streams += 1
      use.requests += 1
      stream.on('close', left)
      if (use.requests === maxRequestsPerConnection) onLastRequest(session)
    })
  })

  function endIdle(): void {
    const now = performance.now()
    for (const [session, { streams, requests, quietSince }] of uses) {
      const limit = requests === 0 ? requestTimeoutMs : KEEP_ALIVE_MS
      if (streams > 0 || now - quietSince <= limit) continue
      if (requests === 0) onCut('request_timeout')
      session.destroy()
    }
  }

  const sweeper = setInterval(endIdle, SWEEP_MS).unref()
  server.once('close', () => clearInterval(sweeper))
  return () => uses.keys()
}
