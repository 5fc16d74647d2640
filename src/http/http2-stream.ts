import type { Http2ServerRequest } from 'node:http2'

/** The stream of a request over HTTP/2; HTTP/1.1 requests have none. */
export function streamOf(request: Http2ServerRequest): Http2ServerRequest['stream'] | undefined {
  return request.stream as Http2ServerRequest['stream'] | undefined
}

/** Whether the request was cancelled, or its connection has ended. */
export function isGone(request: Http2ServerRequest): boolean {
  return (streamOf(request) ?? request.socket).destroyed
}
