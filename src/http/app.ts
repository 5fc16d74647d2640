import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import Fastify, { type FastifyHttp2SecureOptions, LogController } from 'fastify'
import type { Logger } from 'pino'
import { codeOf, type ErrorCode, GatewayError } from '../errors.ts'
import { createBodyReader } from './body.ts'
import type { App, Reply, Request } from './fastify.ts'
import { holdFor, noRoom, SMALL_BYTES } from './memory.ts'
import {
  problemAnswer,
  rawAnswer,
  toGatewayError,
  toParseProblem,
  traceHeaders,
} from './problem.ts'
import { parseQueryText } from './query.ts'
import { compileSchema } from './query-schema.ts'
import { createHttpServer, type HttpServer, type ServerOptions } from './server.ts'
import type { Shortcut, ShortcutContext } from './shortcut.ts'
import { createTraceId } from './trace-id.ts'

export interface AppOptions extends ServerOptions {
  readonly log: Logger
  /** How this door sends an error; by default as a problem. */
  readonly sendError?: SendError
  readonly shortcut?: (context: ShortcutContext) => Shortcut
}

/** Sends the answer to a request that has failed. */
export type SendError = (request: Request, reply: Reply, error: GatewayError) => void

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The name of this route in the API reference. */
    readonly operation?: string
    /** Whether a compressed body is decoded; elsewhere it is refused. */
    readonly decodesBody?: true
  }
}

function noSerializer(): never {
  throw new Error('a route has a schema of its answers, and nothing here compiles it')
}

function escaped(url: string): string {
  return url.replaceAll('%', '%25')
}

function unescaped(url: string): string {
  return url.replaceAll('%25', '%')
}

/** What the apps of all doors have in common. */
export const APP_OPTIONS = {
  genReqId: createTraceId,
  // `topicInPath` alone decodes topics: the router sees their escapes as text, and cannot reject any
  rewriteUrl: ({ url = '' }: { url?: string | undefined }) => escaped(url),
  routerOptions: {
    querystringParser: (text: string) => parseQueryText(unescaped(text)) as never,
  },
  // Fastify's own compilers take long to load
  schemaController: {
    compilersFactory: {
      buildValidator: () => compileSchema as never,
      buildSerializer: () => noSerializer,
    },
  },
  // while the gateway stops, a request on an open connection is still answered, then the connection ends
  return503OnClosing: false,
  clientErrorHandler(error: Error, socket: Socket) {
    answerRaw(error, socket)
  },
}

/** An HTTPS app for HTTP/1.1 and HTTP/2 whose every error is a problem with a trace id. */
export function createApp({ log, sendError, shortcut, ...serverOptions }: AppOptions): App {
  const ownLog = log.child({}, { level: 'warn' })
  // a connection that is busy when the gateway stops would otherwise stay open, idle, until the drain is over
  const isStopping = () => !app.server.listening
  const short = shortcut?.({ log: ownLog, isStopping })
  const options = {
    ...APP_OPTIONS,
    http2: true,
    https: {},
    serverFactory: (handle) =>
      createHttpServer({ ...serverOptions, recognise: short?.recognise }, (request, response) => {
        if (short?.take(request, response)) return
        handle(request as Http2ServerRequest, response as Http2ServerResponse)
      }),
    // With a logger of its own, Fastify would listen for the end of each response, and keep its objects until then. A log line
    // about a request names the request itself.
    childLoggerFactory: () => ownLog,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: true,
  } as FastifyHttp2SecureOptions<Http2SecureServer>
  const app = Fastify(options) as unknown as App
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', createBodyReader(serverOptions))
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(traceHeaders(request.id))
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (isStopping() && request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
    const bytes = payload instanceof Buffer || typeof payload === 'string' ? payload.length : 0
    const hasRoom = bytes <= SMALL_BYTES || holdFor(request, serverOptions, 'answer').resize(bytes)
    if (hasRoom) done()
    else done(noRoom())
  })
  app.addHook('preClose', () => (app.server as HttpServer).endSessions())
  answerErrors(app, sendError)
  return app
}

/** Fastify's own close waits for requests in flight. May be called again. */
export async function closeApp(app: { close(): PromiseLike<unknown> }): Promise<void> {
  await app.close()
}

/** Accepts nothing new on a door, and resolves once requests in flight are answered and its connections have ended. */
export async function drainApp(
  app: { close(): PromiseLike<unknown>; readonly server: { close(): unknown } },
  door: { stopAccepting(): void; emptied(): Promise<void> } | undefined,
): Promise<void> {
  const closing = closeApp(app)
  door?.stopAccepting()
  await closing
  // Fastify closes only servers that it opened itself, which excludes Unix sockets
  app.server.close()
  await door?.emptied()
}

type Answering = Pick<App, 'addHook' | 'setErrorHandler' | 'setNotFoundHandler'>

/** Call it before any route is added. */
export function answerErrors(app: Answering, send: SendError = sendProblem): void {
  const paths = noteMethods(app)

  function notFound(request: Request, reply: Reply): void {
    const path = pathOf(request.originalUrl)
    const methods = methodsOf(path, paths)
    if (methods === '') {
      send(request, reply, new GatewayError('not_found', `${path} does not exist here.`))
      return
    }
    reply.header('allow', methods)
    const detail = `${path} does not support ${request.method}, only ${methods}.`
    send(request, reply, new GatewayError('method_not_allowed', detail))
  }

  app.setErrorHandler((error, request, reply) => {
    // a method that is not known in HTTP
    if (codeOf(error) === 'FST_ERR_NOT_FOUND') notFound(request, reply)
    else send(request, reply, toGatewayError(error, request.routeOptions.bodyLimit))
  })
  app.setNotFoundHandler(notFound)
}

type Methods = ReadonlyMap<string, ReadonlySet<string>>

/** Collects the methods of each path as its routes are added. */
function noteMethods(app: Pick<App, 'addHook'>): Methods {
  const paths = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = paths.get(url) ?? new Set()
    paths.set(url, methods)
    for (const each of [method].flat()) methods.add(each)
  })
  return paths
}

/** The value of the header `Allow` (RFC 9110 §10.2.1); empty where this path does not exist. */
function methodsOf(path: string, paths: Methods): string {
  const methods = [...paths].flatMap(([url, each]) =>
    path === url || (url.endsWith('*') && path.startsWith(url.slice(0, -1))) ? [...each] : [],
  )
  return [...new Set(methods)].sort().join(', ')
}

/** Errors that are logged where they begin (a bound is reached, the store cannot be written), so not again for each request. */
const LOGGED_ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'too_many_streams',
  'too_many_polls',
  'broker_unavailable',
  'not_supported_here',
])

/** The answer to an error on an HTTP door, for requests that have reached Fastify. */
export function sendProblem(
  request: Pick<Request, 'id' | 'log' | 'raw'>,
  reply: Pick<Reply, 'code' | 'header' | 'headers' | 'removeHeader' | 'send'>,
  error: GatewayError,
  more?: object,
): void {
  beginFailing(request, reply, error)
  const { headers, body } = problemAnswer(error, request.id, more)
  // for a string Fastify would add a charset, which this media type does not have (RFC 9457 §6.1)
  reply.code(error.status).headers(headers).send(Buffer.from(body))
}

/** Logs an error if it is a fault of the gateway. */
export function logFailure(log: Pick<Logger, 'error'>, traceId: string, error: GatewayError): void {
  if (error.status >= 500 && !LOGGED_ELSEWHERE.has(error.code))
    log.error({ err: error.cause ?? error, traceId }, error.message)
}

/** Logs an error if it is a fault of the gateway, and prepares the connection; the door sends the answer. */
export function beginFailing(
  request: Pick<Request, 'id' | 'log' | 'raw'>,
  reply: Pick<Reply, 'header' | 'removeHeader'>,
  error: GatewayError,
): void {
  logFailure(request.log as Logger, request.id, error)
  // Fastify sets it after a body that is too large, but HTTP/2 has no such header (RFC 9113 §8.2.2)
  if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
  // the rest of the body may still arrive, and nobody waits for it
  else if (error.code === 'request_timeout') reply.header('connection', 'close')
}

/** The URL without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

type Answerable = Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null }

function answerRaw(error: Error, socket: Socket): void {
  // in the middle of an answer, such as a stream, the client would read another answer as its continuation
  const answering = (socket as Answerable)._httpMessage?.headersSent === true
  if (codeOf(error) === 'ECONNRESET' || !socket.writable || answering) socket.destroy()
  else socket.end(rawAnswer(toParseProblem(codeOf(error)), createTraceId()))
}
