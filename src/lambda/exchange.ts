import { request as httpRequest, type Server } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import type { EventRequest } from './event.ts'
import type { HttpAnswer } from './result.ts'

/** The parts of an event that are sent to the HTTP server. */
export type ExchangedRequest = Pick<EventRequest, 'method' | 'url' | 'headers' | 'body' | 'address'>

/** Headers that are not forwarded: hop-by-hop (RFC 9110 §7.6.1), `content-length`, which is set again here, and `expect`, whose 100 would never come. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'http2-settings', 'content-length', 'expect'],
])

/**
 * Has `server`, which need not listen, answer one request over a connection in memory, with the same parser and bounds as
 * over a socket. `onConnection` is given the server's end before anything is sent. Rejects when there is no whole answer, for
 * what HTTP cannot carry, and when `signal` is aborted.
 */
export async function exchange(
  server: Server,
  { method, url, headers, body, address }: ExchangedRequest,
  { onConnection, signal }: { onConnection(served: Duplex): void; signal: AbortSignal },
): Promise<HttpAnswer> {
  const [client, served] = duplexPair()
  Object.assign(served, { remoteAddress: address })
  onConnection(served)
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
  // throws for what HTTP cannot carry
  const request = httpRequest(
    {
      method,
      path: url,
      signal,
      setHost: false,
      headers: [...linesOf(headers, body)].flat(),
      createConnection: () => client,
    },
    (response) => {
      Array.fromAsync<Buffer>(response).then((parts) => {
        const { statusCode: status = 0, headers: answered } = response
        resolve({ status, headers: answered, body: Buffer.concat(parts) })
      }, reject)
    },
  )
  request.on('error', reject)
  server.emit('connection', served)
  request.end(body)
  try {
    return await promise
  } finally {
    client.destroy()
    served.destroy()
  }
}

function linesOf(
  headers: ExchangedRequest['headers'],
  body: Buffer,
): [name: string, value: string][] {
  return [
    ...[...headers].flatMap(([name, values]) =>
      NOT_PASSED_ON.has(name)
        ? []
        : values.map((value): [string, string] => [name, toBytes(value)]),
    ),
    ['connection', 'close'],
    ['content-length', String(body.length)],
  ]
}

/** Node writes and reads headers as Latin-1: each byte of the UTF-8 that AWS has decoded is a character again. */
function toBytes(value: string): string {
  return Buffer.from(value).toString('latin1')
}
