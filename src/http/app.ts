import { randomUUID } from 'node:crypto'
import type { ServerOptions as HttpServerOptions } from 'node:http'
import type {
  Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse,
  SecureServerOptions,
} from 'node:http2'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyHttp2SecureOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RouteGenericInterface,
} from 'fastify'
import type { Logger } from 'pino'
import { codeOf, GatewayError } from '../errors.ts'
import type { Trust } from '../identity/trust.ts'
import { PROBLEM_TYPE, rawAnswer, toGatewayError, toProblem } from './problem.ts'

export type App = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>
export type Request = FastifyRequest<RouteGenericInterface, Http2SecureServer, Http2ServerRequest>
export type Reply = FastifyReply<
  RouteGenericInterface,
  Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse
>

export interface AppOptions {
  readonly trust: Trust
  /** Asks for a client certificate; what to make of it is the door's decision. */
  readonly requestCert: boolean
  readonly log: Logger
}

/** Room for a topic of 65,535 bytes with every one of them percent-encoded, and for ordinary headers. */
const MAX_HEADER_BYTES = 65_535 * 3 + 16_384
const HANDSHAKE_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 72_000

/** An HTTPS app for HTTP/1.1 and HTTP/2 whose every error is a problem with a trace id. */
export function createApp({ trust, requestCert, log }: AppOptions): App {
  // Node hands the HTTP/1.1 options on, its types do not know
  const tls: SecureServerOptions & HttpServerOptions = {
    ...trust.context,
    allowHTTP1: true,
    requestCert,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    settings: { maxHeaderListSize: MAX_HEADER_BYTES },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  }
  const options: FastifyHttp2SecureOptions<Http2SecureServer> = {
    http2: true,
    https: tls,
    genReqId: () => randomUUID(),
    loggerInstance: log.child({}, { level: 'warn' }),
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    // the default of 100 would end long topics in 404
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    frameworkErrors: (error, request, reply) => sendProblem(request, reply, toGatewayError(error)),
    clientErrorHandler(error, socket) {
      answerRaw(error, socket as unknown as Socket)
    },
  }
  const app = Fastify(options) as unknown as App
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
  })
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, toGatewayError(error)))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      request,
      reply,
      new GatewayError('not_found', `There is no ${request.method} ${pathOf(request.url)} here.`),
    ),
  )
  return app
}

/** The only way an error leaves an HTTP door. */
export function sendProblem(
  request: Pick<Request, 'id' | 'log'>,
  reply: Pick<Reply, 'code' | 'header' | 'type' | 'send'>,
  error: GatewayError,
): void {
  if (error.status >= 500)
    request.log.error({ err: error.cause ?? error, traceId: request.id }, error.message)
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(toProblem(error, request.id)))
}

export function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

function answerRaw(error: Error, socket: Socket): void {
  if (codeOf(error) === 'ECONNRESET' || !socket.writable) socket.destroy()
  else socket.end(rawAnswer(codeOf(error), randomUUID()))
}
