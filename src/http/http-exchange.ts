import type { Http2ServerRequest } from 'node:http2'

/** A request as far as it is used before it reaches its route: Node's, of either HTTP version, or a `LeanRequest`. */
export type HttpRequest = Pick<
  Http2ServerRequest,
  | 'method'
  | 'url'
  | 'headers'
  | 'rawHeaders'
  | 'stream'
  | 'socket'
  | 'httpVersion'
  | 'httpVersionMajor'
  | 'complete'
>

export type Headers = Readonly<Record<string, string | number>>

/** The answer to an `HttpRequest`, likewise. */
export interface HttpResponse {
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  hasHeader(name: string): boolean
  getHeader(name: string): unknown
  writeHead(status: number, headers: Headers): Pick<HttpResponse, 'end'>
  end(): unknown
  end(body: string): unknown
  /** Listeners are called on the response. */
  on(event: 'close', listener: () => void): unknown
  once(event: 'close', listener: () => void): unknown
}
