import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Config } from '../config/load.ts'
import { codeOf } from '../errors.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { isGone, streamOf } from './http2-stream.ts'
import { createOpenExchanges, Exchange } from './open-exchanges.ts'

export type HttpSettings = Config['http']

export interface DeadlineOptions {
  readonly settings: HttpSettings
  /** Answers a request that did not arrive in time and has no answer yet. */
  refuse(request: HttpRequest, response: HttpResponse): void
  /** Called for each request that is refused or ended, with the reason. */
  onCut(reason: 'request_timeout' | 'slow_reader'): void
  /** Whether an HTTP/2 connection carries the requests of several clients, so that it must not end for one of them. */
  readonly isShared?: boolean
}

/** Idle time of a connection after its first request, of either HTTP version. */
export const KEEP_ALIVE_MS = 72_000
/** The time between two searches for what is late. */
export const SWEEP_MS = 1_000
/** The time that a late client has to read the refusal before it is cut off. */
const PARTING_MS = 2_000
const NO_ERROR = 0

/** Options of an HTTP/1.1 server: Node ends connections whose headers are late, and idle ones. `watchDeadlines` sees to the rest. */
export function headerDeadlines({ requestTimeoutMs }: Pick<HttpSettings, 'requestTimeoutMs'>) {
  return {
    headersTimeout: requestTimeoutMs,
    // a body may take longer, as long as bytes arrive
    requestTimeout: 0,
    connectionsCheckingInterval: SWEEP_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
}

/** What a server is doing. */
export interface Exchanges {
  /** The answers of an HTTP/2 connection that are not sent yet, except those without an end, such as event streams. */
  unanswered(session: ServerHttp2Session): HttpResponse[]
}

/** The key under which a request or response holds its exchange: cheaper for each request than a map. */
const EXCHANGE = Symbol('exchange')
type HasExchange = { [EXCHANGE]?: Exchange }

/** Counts bytes of a body, which extend its deadline. */
export function bodyArrived(request: object, bytes: number): void {
  const exchange = (request as HasExchange)[EXCHANGE]
  if (exchange) exchange.arrived += bytes
}

/** Call it when all bytes of the body have been taken: from then on the request cannot be late. */
export function bodyTaken(request: object): void {
  const exchange = (request as HasExchange)[EXCHANGE]
  if (exchange) exchange.isBodyTaken = true
}

/** Calls `refuse`, once, when the request does not arrive in time; with null the server itself refuses again. */
export function whenLate(request: object, refuse: (() => void) | null): void {
  const exchange = (request as HasExchange)[EXCHANGE]
  if (exchange) exchange.onLate = refuse
}

/**
 * The only place that limits how long a request may take to arrive, and its answer to be read, over HTTP/1.1 and HTTP/2. An
 * answer without an end, such as an event stream, has limits of its own.
 */
export function watchDeadlines(server: Server, options: DeadlineOptions): Exchanges {
  const { refuse, onCut, isShared = false } = options
  const { requestTimeoutMs, bytesPerExtraSecond, stallMs } = options.settings
  const open = createOpenExchanges()

  function begin(request: HttpRequest, response: HttpResponse | Duplex): void {
    // a CONNECT over HTTP/1.1, whose connection ends at once
    if (!('writeHead' in response)) return
    const exchange = new Exchange(request, response)
    ;(request as HasExchange)[EXCHANGE] = exchange
    ;(response as HasExchange)[EXCHANGE] = exchange
    open.add(exchange)
    response.on('close', closed)
    const stream = streamOf(request)
    if (stream && !stream.endAfterHeaders) stream.on('finish', dropRest)
  }

  /** A listener of a response; one function for all responses. */
  function closed(this: HasExchange): void {
    const exchange = this[EXCHANGE] as Exchange
    // over HTTP/1.1 the rest of the request may still arrive
    if (exchange.request.complete || streamOf(exchange.request)) open.remove(exchange)
  }

  function check(exchange: Exchange, now: number): void {
    const { request, response, began, arrived } = exchange
    if (isGone(request)) open.remove(exchange)
    else if (exchange.lateSince !== null) {
      if (now - exchange.lateSince > PARTING_MS) cut(request, isShared)
    } else if (
      !hasArrived(request) &&
      !exchange.isBodyTaken &&
      (!response.headersSent || response.writableFinished)
    ) {
      if (now - began > allowed(requestTimeoutMs, arrived)) late(exchange, now)
    } else if (isWhole(exchange) && !response.writableFinished) {
      exchange.leaving ??= { since: now, bytes: unread(exchange) }
      const { since, bytes } = exchange.leaving
      if (now - since <= allowed(stallMs, bytes)) return
      onCut('slow_reader')
      cut(request, isShared)
    } else if (hasArrived(request)) {
      if (response.writableFinished) open.remove(exchange)
      else if (response.headersSent) open.setAside(exchange)
    }
  }

  function allowed(ms: number, bytes: number): number {
    return ms + (bytesPerExtraSecond === 0 ? 0 : (bytes / bytesPerExtraSecond) * 1000)
  }

  function late(exchange: Exchange, now: number): void {
    const { request, response } = exchange
    exchange.lateSince = now
    onCut('request_timeout')
    if (exchange.onLate) exchange.onLate()
    else if (response.headersSent) cut(request, isShared)
    else refuse(request, response)
    if (!isShared) streamOf(request)?.session?.close()
  }

  function sweep(): void {
    const now = performance.now()
    open.sweep((exchange) => check(exchange, now))
  }

  for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect'])
    server.prependListener(event, begin)
  // Node limits the headers of HTTP/1.1 requests, and Fastify answers those that are late
  server.on('clientError', (error) => {
    if (codeOf(error) === 'ERR_HTTP_REQUEST_TIMEOUT') onCut('request_timeout')
  })
  const sweeper = setInterval(sweep, SWEEP_MS).unref()
  server.once('close', () => clearInterval(sweeper))

  return {
    unanswered(session) {
      const found: HttpResponse[] = []
      open.each((exchange) => {
        const { request, response } = exchange
        if (streamOf(request)?.session !== session) return
        const isEndless = response.headersSent && !isWhole(exchange)
        if (!isEndless) found.push(response)
      })
      return found
    },
  }
}

/** A listener of a stream; one function for all streams. RFC 9113 §8.1: the rest of the request is not needed any more. */
function dropRest(this: ServerHttp2Stream): void {
  if (!this.readableEnded) this.close(NO_ERROR)
  this.resume()
}

function hasArrived(request: HttpRequest): boolean {
  const stream = streamOf(request)
  // a short body is read from the stream itself, so that the request does not know of its end
  return request.complete || stream?.endAfterHeaders === true || stream?.readableEnded === true
}

/**
 * Whether all of an answer has been written: over HTTP/2 Fastify writes a large one in pieces, each after the last was read.
 */
function isWhole(exchange: Exchange): boolean {
  const { response } = exchange
  return isEnded(exchange) || (response.headersSent && response.hasHeader('content-length'))
}

/** Also for an answer that `sendWhole` wrote to the stream itself. */
function isEnded({ request, response }: Exchange): boolean {
  const { writableEnded, headersSent } = response
  return writableEnded || (headersSent && streamOf(request)?.writableEnded === true)
}

function unread(exchange: Exchange): number {
  const { request, response } = exchange
  const waiting = (streamOf(request) ?? request.socket).writableLength
  return isEnded(exchange) ? waiting : Number(response.getHeader('content-length'))
}

/** Ends the connection too: the end of a stream alone may not reach a client that reads nothing. */
function cut(request: HttpRequest, isShared: boolean): void {
  const stream = streamOf(request)
  if (stream) (isShared ? stream : stream.session)?.destroy()
  else request.socket.destroy()
}
