import type { ServerOptions as HttpServerOptions, IncomingMessage } from 'node:http'
import { createSecureServer, type Http2SecureServer, type SecureServerOptions } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { codeOf, type GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { connectionSenders } from '../identity/senders.ts'
import type { Trust } from '../identity/trust.ts'
import type { CutReason } from '../metrics/meter.ts'
import { expectsContinue } from './continue.ts'
import { type HttpSettings, headerDeadlines, watchDeadlines } from './deadlines.ts'
import { MOST_HEADERS, noTunnel, requestProblem } from './framing.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { followSessions } from './http2-sessions.ts'
import { streamOf } from './http2-stream.ts'
import { leanClasses, nameSession, nameSocket, type Recognise } from './lean-exchange.ts'
import { createRequestMemory, type HttpMemory } from './memory.ts'
import { serveWithoutTls } from './plain-server.ts'
import { problemAnswer, requestTimeout } from './problem.ts'
import { boundResets, createPipelines } from './request-floods.ts'
import { createSessionEnds } from './session-ends.ts'
import { createTraceId } from './trace-id.ts'

export interface ServerOptions extends HttpMemory {
  /** Null for HTTP/1.1 and HTTP/2 without TLS. */
  readonly trust: Trust | null
  /** Asks for a client certificate; the door decides whether to accept it. */
  readonly requestCert: boolean
  /** Also accepts clients without a certificate, whose headers must be small. */
  readonly takesStrangers?: boolean
  readonly settings: HttpSettings
  /** Who sends a request, where its connection does not say so. */
  readonly whoSends?: (request: HttpRequest) => Identity | GatewayError
  /** Whether one connection carries the requests of several clients, so that it must not end for one of them. */
  readonly isShared?: boolean
  /** For requests that are handled in full by a shortcut, and need no objects of Node's compatibility layer for HTTP/2. */
  readonly recognise?: Recognise | undefined
  /** Called for each request before anything else is done with it. */
  readonly onRequest?: (request: HttpRequest) => void
  /** Called for each request before it is handled; a refusal is sent as the answer and ends the connection. */
  readonly admit?: (request: HttpRequest) => GatewayError | null
  /** Called for each connection or request that is ended because of a limit. */
  readonly onCut: (reason: CutReason) => void
}

export interface HttpServer extends Http2SecureServer {
  /** Ends its HTTP/2 connections without losing requests on their way; resolves after about a second at the latest. */
  endSessions(): Promise<void>
}

type Handle = (request: HttpRequest, response: HttpResponse) => void

/** Room for a topic of 65,535 bytes that are all percent-encoded, and for ordinary headers. */
const MAX_HEADER_BYTES = 65_535 * 3 + 16_384
/** For clients without a certificate: a few bytes of HTTP/2 can expand to large headers, at a cost before any check. */
const MAX_STRANGERS_HEADER_BYTES = 16_384
/** Requests that one HTTP/2 connection may have under way; Node's own default is unlimited. */
const MAX_STREAMS = 250
const HANDSHAKE_TIMEOUT_MS = 10_000
/** The ALPN protocol that AWS IoT's HTTPS publishers offer beside, or instead of, `http/1.1`. */
const AWS_PROTOCOL = 'x-amzn-http-ca'
/** The protocols of ALPN in the order of preference, as bytes (RFC 7301 §3.1). */
const PROTOCOLS = toProtocolList(['h2', 'http/1.1', AWS_PROTOCOL])
/** Requests of one HTTP/2 connection that are refused with an answer; the next refusal destroys the connection. */
const MOST_REFUSED = 8
/**
 * HTTP/2 requests that one connection may cancel: in one turn of the event loop, at once, and per second on average. The last two
 * also count those whose answer is complete: Chromium cancels a request after it has read 304, and the dashboard of a checkout has
 * fifty files.
 */
const RESETS = { eachTurn: 100, atOnce: 1_000, perSecond: 33 }
/** The factor for the allowed cancellations on a connection that carries the requests of several clients. */
const SHARED_RESETS = 100

/** A server for HTTP/1.1 and HTTP/2 that handles no request, however unusual, before it is admitted. */
export function createHttpServer(options: ServerOptions, handle: Handle): HttpServer {
  const { trust, requestCert, settings, admit = () => null, onCut, onRequest } = options
  const { takesStrangers = !requestCert, isShared = false } = options
  const { whoSends = requestCert ? connectionSenders.of : undefined } = options
  const maxHeaderBytes = takesStrangers ? MAX_STRANGERS_HEADER_BYTES : MAX_HEADER_BYTES
  const resets = isShared ? SHARED_RESETS : 1
  // Node passes the HTTP/1.1 options on, but its types do not have them
  const tls: SecureServerOptions & HttpServerOptions = {
    ...trust?.context,
    allowHTTP1: true,
    requestCert,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxHeaderSize: maxHeaderBytes,
    settings: { maxHeaderListSize: maxHeaderBytes, maxConcurrentStreams: MAX_STREAMS },
    streamResetBurst: RESETS.atOnce * resets,
    streamResetRate: RESETS.perSecond * resets,
    ...headerDeadlines(settings),
    ...(options.recognise && leanClasses(options.recognise)),
    // checked below, where the answer can be a problem
    requireHostHeader: false,
  }
  const server = createSecureServer(tls)
  if (!trust) serveWithoutTls(server, settings, onCut)
  Object.assign(server, {
    // Node replaces the option of this name; `ALPNCallback` would cost each handshake 10 µs
    ALPNProtocols: PROTOCOLS,
    maxRequestsPerSocket: settings.maxRequestsPerConnection,
    // some versions of Node drop more of them without a word, so there is room for one that shows it
    maxHeadersCount: MOST_HEADERS + 1,
    // RFC 9110 §7.8: other upgrades, such as h2c, are ignored
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      server.listenerCount('upgrade') > 0 && /\bwebsocket\b/i.test(headers.upgrade ?? ''),
  })
  // Node serves HTTP/1.1 only if the negotiated protocol has that name
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (options.recognise) nameSocket(socket)
    if (socket.alpnProtocol === AWS_PROTOCOL) socket.alpnProtocol = 'http/1.1'
  })
  // the number of refused requests, by HTTP/2 connection or HTTP/1.1 socket
  const refused = new WeakMap<object, number>()

  const pipelines = createPipelines()
  const hasRoom = createRequestMemory({ ...options, whoSends, isShared })

  function answer(request: HttpRequest, response: HttpResponse): void {
    if (ends.holds(request, response)) return
    onRequest?.(request)
    // RFC 9112 §9.6: ignores requests in the same packet after one whose answer ends the connection
    if (!streamOf(request)) {
      if (refused.has(request.socket)) return
      if (!pipelines.enter(request, response)) {
        refused.set(request.socket, 1)
        onCut('protocol_error')
        return
      }
    }
    const problem = admit(request) ?? requestProblem(request) ?? hasRoom(request, response)
    if (problem) {
      refuseOnce(request, response, problem)
      return
    }
    expectsContinue(request, response)
    if (!request.url.startsWith('/')) request.url = originForm(request.url)
    handle(request, response)
  }

  function refuseOnce(request: HttpRequest, response: HttpResponse, problem: GatewayError): void {
    const session = streamOf(request)?.session
    if (session && isShared) {
      refuse(request, response, problem, isShared)
      return
    }
    const connection = session ?? request.socket
    const count = (refused.get(connection) ?? 0) + 1
    refused.set(connection, count)
    if (count <= MOST_REFUSED) refuse(request, response, problem)
    // destroyed at once, so that the rest of the packet is not parsed
    else session?.destroy()
  }

  // without listeners Node answers these itself, with 100 or 417, to any client
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, answer)
  server.on('connect', (request: HttpRequest, answerTo: HttpResponse | Duplex) => {
    // over HTTP/1.1 Node has handed the bare socket over
    if ('writeHead' in answerTo) refuseOnce(request, answerTo, admit(request) ?? noTunnel())
    else answerTo.destroy()
  })
  // too many cancelled requests, or frames that are not allowed
  server.on('sessionError', (error) => {
    if (codeOf(error) === 'ERR_HTTP2_ERROR') onCut('protocol_error')
  })
  const exchanges = watchDeadlines(server, {
    settings,
    refuse: (request, response) => refuse(request, response, requestTimeout(), isShared),
    onCut,
    isShared,
  })
  const ends = createSessionEnds(answer, exchanges.unanswered)
  const sessions = followSessions(server, {
    settings,
    onCut,
    onLastRequest: (session) => void ends.end(session),
  })
  server.on('session', (session) => {
    if (options.recognise) nameSession(session)
    boundResets(session, RESETS.eachTurn * resets, () => onCut('protocol_error'))
  })
  return Object.assign(server, {
    async endSessions() {
      await Promise.all(Array.from(sessions(), ends.end))
    },
  })
}

function toProtocolList(names: readonly string[]): Buffer {
  return Buffer.concat(
    names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`)),
  )
}

function refuse(
  request: HttpRequest,
  response: HttpResponse,
  error: GatewayError,
  isShared = false,
): void {
  const { headers, body } = problemAnswer(error, createTraceId())
  const session = streamOf(request)?.session
  // HTTP/2 has no "connection" (RFC 9113 §8.2.2)
  response.writeHead(error.status, session ? headers : { ...headers, connection: 'close' })
  response.end(body)
  // not at once: a closed session still parses the rest of the packet, which may hold thousands of requests
  if (session && !isShared) setImmediate(() => session.close())
}

/** `GET https://host/path` means `GET /path` (RFC 9112 §3.2.2). */
function originForm(url: string): string {
  return url.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '')
}
