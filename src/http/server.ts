import { randomUUID } from 'node:crypto'
import type { ServerOptions as HttpServerOptions } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { Trust } from '../identity/trust.ts'
import { createRequestMemory, type HttpMemory } from './memory.ts'
import { problemAnswer } from './problem.ts'

export interface ServerOptions extends HttpMemory {
  readonly trust: Trust
  /** Asks for a client certificate; what to make of it is the door's decision. */
  readonly requestCert: boolean
  /** Asked about every request before anything else is made of it; a refusal is its answer and ends its connection. */
  readonly admit?: (request: Http2ServerRequest) => GatewayError | null
}

type Handle = (request: Http2ServerRequest, response: Http2ServerResponse) => void

/** Room for a topic of 65,535 bytes with every one of them percent-encoded, and for ordinary headers. */
const MAX_HEADER_BYTES = 65_535 * 3 + 16_384
/** For whoever has no certificate: what a few bytes of HTTP/2 can expand to costs time before anybody is asked. */
const MAX_STRANGERS_HEADER_BYTES = 16_384
/** Requests that one HTTP/2 connection may have under way; Node's own default is no bound. */
const MAX_STREAMS = 250
const HANDSHAKE_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 72_000

/** A server for HTTP/1.1 and HTTP/2 on which nothing, however odd, is handled that was not admitted. */
export function createHttpServer(
  { trust, requestCert, memory, strangers, admit = () => null }: ServerOptions,
  handle: Handle,
): Http2SecureServer {
  const maxHeaderBytes = requestCert ? MAX_HEADER_BYTES : MAX_STRANGERS_HEADER_BYTES
  // Node hands the HTTP/1.1 options on, its types do not know
  const tls: SecureServerOptions & HttpServerOptions = {
    ...trust.context,
    allowHTTP1: true,
    requestCert,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxHeaderSize: maxHeaderBytes,
    settings: { maxHeaderListSize: maxHeaderBytes, maxConcurrentStreams: MAX_STREAMS },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // asked for below, where the answer can be a problem
    requireHostHeader: false,
  }
  const server = createSecureServer(tls)
  const hasRoom = createRequestMemory({ memory, strangers }, requestCert)

  function answer(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const refused = admit(request) ?? hostProblem(request) ?? hasRoom(request, response)
    if (refused) {
      refuse(request, response, refused)
      return
    }
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    request.url = originForm(request.url)
    handle(request, response)
  }

  // what nobody listens for Node answers itself: 100 or 417, to whoever asks
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, answer)
  server.on('connect', (request: Http2ServerRequest, answerTo: Http2ServerResponse | Duplex) => {
    // over HTTP/1.1 Node has given up the connection to us
    if ('writeHead' in answerTo) refuse(request, answerTo, admit(request) ?? noTunnel())
    else answerTo.destroy()
  })
  server.on('session', (session) =>
    // not `close`, which would wait for a request that never ends
    session.setTimeout(KEEP_ALIVE_TIMEOUT_MS, () => session.destroy()),
  )
  return server
}

function refuse(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  error: GatewayError,
): void {
  const { headers, body } = problemAnswer(error, randomUUID())
  // HTTP/1.1 requests have no stream, and HTTP/2 has no "connection" (RFC 9113 §8.2.2)
  const session = (request.stream as Http2ServerRequest['stream'] | undefined)?.session
  response.writeHead(error.status, session ? headers : { ...headers, connection: 'close' })
  response.end(body)
  session?.close()
}

function noTunnel(): GatewayError {
  return new GatewayError('not_found', 'Nothing is reached through this door by CONNECT.')
}

/** RFC 9112 §3.2: a request without a `Host` is answered 400. */
function hostProblem({ headers, httpVersion }: Http2ServerRequest): GatewayError | null {
  if (httpVersion !== '1.1' || headers.host !== undefined) return null
  return new GatewayError('request_invalid', 'An HTTP/1.1 request must have a Host header.')
}

/** `GET https://host/path` is `GET /path` (RFC 9112 §3.2.2). */
function originForm(url: string): string {
  if (url.startsWith('/')) return url
  return url.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '')
}
