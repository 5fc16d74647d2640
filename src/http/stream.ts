import type { ServerResponse } from 'node:http'
import type { Denials } from '../acl/denials.ts'
import { GatewayError } from '../errors.ts'
import type { Sink } from '../live/outlet.ts'
import { openStream, type StreamOptions } from '../live/stream.ts'
import { addressOf } from '../net/address.ts'
import { callerOf } from './caller.ts'
import type { App, Reply, Request } from './fastify.ts'
import { filtersProblem } from './filters.ts'
import { streamOf } from './http2-stream.ts'
import { parseNoMore } from './last-request.ts'
import { type HttpMemory, holdFor } from './memory.ts'
import { topicInPath } from './query.ts'
import { type QueryValues, queryValues } from './query-schema.ts'
import { MANY_FILTERS, ONE_FILTER } from './stream-query.ts'

export interface StreamRoutesOptions extends StreamOptions, Pick<HttpMemory, 'memory'> {
  readonly denials: Denials
  /** The most streams that are open at the same time. */
  readonly maxStreams: number
  /** The most of them for one device or viewer. */
  readonly maxStreamsPerReader: number
}

export interface StreamRoutes {
  /** Answers `GET /topics/{filter}` with an event stream. `ONE_FILTER` has read its query. */
  openOne(request: Request, reply: Reply): void | Promise<void>
}

type StreamQuery = QueryValues<typeof ONE_FILTER>

/** Whether the request asks for an event stream, as an `EventSource` does. */
export function wantsStream(request: Request): boolean {
  return /\btext\/event-stream\b/i.test(request.headers.accept ?? '')
}

/** `GET /stream?filter=…&filter=…`, and the stream of `GET /topics/{filter}` for an `EventSource`. */
export function streamRoutes(app: App, options: StreamRoutesOptions): StreamRoutes {
  app.get(
    '/stream',
    { config: { operation: 'openStream' }, schema: { querystring: MANY_FILTERS } },
    async (request, reply) => {
      const query = queryValues(request, MANY_FILTERS)
      open(request, reply, query.filter, query)
    },
  )

  function noRoom(id: string): GatewayError | null {
    const { hub, maxStreams, maxStreamsPerReader } = options
    if (hub.sizeOf(id) >= maxStreamsPerReader)
      return tooMany(`${id} has ${maxStreamsPerReader} streams open`, 'WOTT_MAX_STREAMS_PER_READER')
    return hub.size < maxStreams
      ? null
      : tooMany(`${maxStreams} streams are open`, 'WOTT_MAX_STREAMS')
  }

  function open(
    request: Request,
    reply: Reply,
    filters: readonly string[],
    { format, heartbeat: seconds, lastEventId: asked }: StreamQuery,
  ): void {
    const caller = callerOf(request)
    const lastEventId = lastEventIdOf(request, asked)
    const heartbeat = seconds ?? null
    const refused =
      filtersProblem('/stream', filters, caller, options.denials) ?? noRoom(caller.identity.id)
    if (refused?.code === 'too_many_streams') options.meter.streamRefused(caller.door)
    if (refused) throw refused
    const headers = {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': request.id,
      // no request follows a stream on its connection, and a stopping gateway need not wait for one
      ...(request.raw.httpVersionMajor === 1 ? { connection: 'close' } : {}),
    }
    const response = reply.raw
    if (request.method === 'HEAD') {
      reply.hijack()
      response.writeHead(200, headers).end()
      return
    }
    const hold = holdFor(request, options, 'stream')
    reply.hijack()
    begin(request, response, headers)
    const { id } = caller.identity
    const address = addressOf(request.raw.socket)
    openStream(
      sinkOf(request, reply),
      { filters, format, lastEventId, heartbeat, hold, id, address, ...caller },
      options,
    ).catch((error) => {
      // the store itself logs why it cannot be read
      if (!(error instanceof GatewayError))
        request.log.error({ err: error, traceId: request.id }, 'a stream failed')
      response.destroy()
    })
  }

  return {
    openOne(request, reply) {
      const filter = topicInPath(request.originalUrl, '/topics/')
      if (filter instanceof GatewayError) throw filter
      if (request.validationError) throw request.validationError
      open(request, reply, [filter], queryValues(request, ONE_FILTER))
    },
  }
}

/** Sends the head of the answer. */
function begin(
  { raw }: Request,
  response: Reply['raw'],
  headers: Readonly<Record<string, string>>,
): void {
  const stream = streamOf(raw)
  if (stream) {
    // the response would keep the headers a second time while the stream is open; without trailers, which the response sends at
    // the end, Node.js looks after each write whether it was the last, which takes a tenth of the time of an event
    if (!stream.closed) stream.respond({ ':status': 200, ...headers }, { waitForTrailers: true })
    return
  }
  // over HTTP/1.1 the stream ends with its connection (RFC 9112 §6.3): without chunks all readers share the same bytes
  response.removeHeader('transfer-encoding')
  response.writeHead(200, headers)
}

/**
 * Where events are written: the socket, or the HTTP/2 stream. The response would not change the bytes, but cost a tenth more.
 */
function sinkOf({ raw }: Request, reply: Reply): Sink {
  const stream = streamOf(raw)
  if (stream) return { to: stream, response: reply.raw }
  const response = reply.raw as unknown as ServerResponse
  parseNoMore(response.req)
  // otherwise the headers would wait for the first write to the response
  response.flushHeaders()
  // there is no socket while earlier requests on the connection have no answers
  return { to: response.socket ?? response, response }
}

/** The browser's header, sent when it reconnects, is newer than the id that its page put into the URL. */
function lastEventIdOf(request: Request, asked: string | undefined): string | undefined {
  return request.headers['last-event-id']?.toString() || asked || undefined
}

function tooMany(problem: string, setting: string): GatewayError {
  return new GatewayError('too_many_streams', `${problem}, which is the limit (${setting}).`, {
    retryAfter: 10,
  })
}
