import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'

/** Idle time of a connection after its first request, of either HTTP version. */
export const KEEP_ALIVE_MS = 72_000

export interface IdleSessionOptions {
  /** Milliseconds that a new connection has for its first request. */
  readonly requestTimeoutMs: number
  /** Called for each connection that has sent no request in that time. */
  onCut(reason: 'request_timeout'): void
}

/** The open HTTP/2 connections of a server. */
export interface IdleSessions {
  all(): Iterable<ServerHttp2Session>
  /** Ends those that have been idle for too long at `now`, a time of `performance.now()`. */
  endIdle(now: number): void
}

/** The use of a connection; its bytes do not show whether it is used, because pings are bytes too. */
interface Use {
  streams: number
  requests: number
  quietSince: number
}

/** Follows the HTTP/2 connections of a server. Node itself ends idle HTTP/1.1 connections, but not these. */
export function followSessions(server: Server, options: IdleSessionOptions): IdleSessions {
  const { requestTimeoutMs, onCut } = options
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
    })
  })

  return {
    all: () => uses.keys(),
    endIdle(now) {
      for (const [session, { streams, requests, quietSince }] of uses) {
        const limit = requests === 0 ? requestTimeoutMs : KEEP_ALIVE_MS
        if (streams > 0 || now - quietSince <= limit) continue
        if (requests === 0) onCut('request_timeout')
        session.destroy()
      }
    },
  }
}
