import type { IncomingHttpHeaders } from 'node:http'
import {
  Http2ServerRequest,
  Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Headers, HttpRequest, HttpResponse } from './http-exchange.ts'

/**
 * What a shortcut knows of a request that it surely answers; null for any other. Called for each request over HTTP/2 before it is
 * admitted, so it only looks at the headers, and looks up what it knows.
 */
export type Recognise = (headers: IncomingHttpHeaders) => object | null

type Socket = HttpRequest['socket']

/** The keys under which a socket holds itself, a session its socket, and a stream its request. */
const ITSELF = Symbol('itself')
const SOCKET = Symbol('socket')
const REQUEST = Symbol('request')

type NamedSocket = Socket & { [ITSELF]?: Socket }
type NamedSession = ServerHttp2Session & { [SOCKET]?: Socket }
type NamedStream = ServerHttp2Stream & { [REQUEST]?: LeanRequest | undefined }

/** Lets `nameSession` find the socket behind the object that Node shows of it. */
export function nameSocket(socket: NamedSocket): void {
  socket[ITSELF] = socket
}

/** Notes the socket of a session. Node shows only a proxy object for it, and makes another one for each request. */
export function nameSession(session: NamedSession): void {
  const shown: NamedSocket = session.socket
  const socket = shown[ITSELF]
  if (socket) session[SOCKET] = socket
}

/** A request over HTTP/2 that a shortcut has recognised, in place of Node's own object with all its listeners. */
export class LeanRequest implements HttpRequest {
  readonly stream: ServerHttp2Stream
  readonly socket: Socket
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: string[]
  /** What the shortcut knows of it. */
  readonly known: object
  readonly response: LeanResponse

  constructor(
    stream: NamedStream,
    socket: Socket,
    headers: IncomingHttpHeaders,
    rawHeaders: string[],
    known: object,
  ) {
    this.stream = stream
    this.socket = socket
    this.headers = headers
    this.rawHeaders = rawHeaders
    this.known = known
    this.response = new LeanResponse(stream)
    stream[REQUEST] = this
    // an error without a listener, such as that of a stream which the client resets, would end the process
    stream.on('error', ignore)
    stream.on('close', closed)
  }

  get httpVersion(): string {
    return '2.0'
  }

  get httpVersionMajor(): number {
    return 2
  }

  get method(): string {
    return this.headers[':method'] as string
  }

  get url(): string {
    return this.headers[':path'] as string
  }

  /** Only whether it broke off: the stream knows when its body has ended. */
  get complete(): boolean {
    return this.stream.aborted || this.stream.destroyed
  }
}

/** The answer to such a request, which is sent whole. */
class LeanResponse implements HttpResponse {
  private readonly stream: ServerHttp2Stream
  private listeners: readonly (() => void)[] = NO_LISTENERS

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream
  }

  get headersSent(): boolean {
    return this.stream.headersSent
  }

  get writableEnded(): boolean {
    return this.stream.writableEnded
  }

  get writableFinished(): boolean {
    return this.stream.writableFinished
  }

  hasHeader(): boolean {
    return false
  }

  getHeader(): undefined {}

  writeHead(status: number, headers: Headers): this {
    const { stream } = this
    if (!stream.destroyed && !stream.closed) stream.respond({ ':status': status, ...headers })
    return this
  }

  end(body?: string): void {
    const { stream } = this
    if (!stream.headersSent) this.writeHead(200, {})
    if (!stream.destroyed && !stream.closed) stream.end(body)
  }

  on(_event: 'close', listener: () => void): void {
    this.listeners = this.listeners.concat(listener)
  }

  once(event: 'close', listener: () => void): void {
    this.on(event, listener)
  }

  /** Calls the listeners; once, as a stream closes once. */
  close(): void {
    for (const listener of this.listeners) listener.call(this)
  }
}

const NO_LISTENERS: readonly (() => void)[] = []

function ignore(): void {}

/** A listener of a stream; one function for all streams. */
function closed(this: NamedStream): void {
  const request = this[REQUEST]
  // V8 often keeps a closed stream until the next full garbage collection, and with it all that it holds
  this[REQUEST] = undefined
  request?.response.close()
}

/**
 * The options that make Node's server use these classes for the requests that a shortcut recognises, and its own for all others.
 * Where Node cannot do that, all requests have its own.
 */
export function leanClasses(recognise: Recognise) {
  // functions, because what they construct is not always of one class
  function ServerRequest(
    stream: NamedStream,
    headers: IncomingHttpHeaders,
    options: undefined,
    rawHeaders: string[],
  ): LeanRequest | Http2ServerRequest {
    // a stream that is destroyed has no session
    const socket = (stream.session as NamedSession | undefined)?.[SOCKET]
    const known = socket ? recognise(headers) : null
    if (!socket || !known)
      return new Http2ServerRequest(stream, headers, options as never, rawHeaders)
    return new LeanRequest(stream, socket, headers, rawHeaders, known)
  }

  function ServerResponse(stream: NamedStream): LeanResponse | Http2ServerResponse {
    return stream[REQUEST]?.response ?? new Http2ServerResponse(stream)
  }

  return {
    Http2ServerRequest: ServerRequest as unknown as typeof Http2ServerRequest,
    Http2ServerResponse: ServerResponse as unknown as typeof Http2ServerResponse,
  }
}
