import type { HttpRequest, HttpResponse } from './http-exchange.ts'

type Carrier = HttpRequest['socket'] | NonNullable<HttpRequest['stream']['session']>

/** The stream of a request over HTTP/2; HTTP/1.1 requests have none. */
export function streamOf(request: HttpRequest): HttpRequest['stream'] | undefined {
  return request.stream as HttpRequest['stream'] | undefined
}

/** The connection that carries the request, and others beside it. */
export function carrierOf(request: HttpRequest): Carrier {
  return streamOf(request)?.session ?? request.socket
}

/** The connection or stream that carries only this request. */
export function ownCarrierOf(request: HttpRequest): HttpRequest['stream'] | HttpRequest['socket'] {
  return streamOf(request) ?? request.socket
}

/** Whether the request was cancelled, or its connection has ended. */
export function isGone(request: HttpRequest): boolean {
  return ownCarrierOf(request).destroyed
}

/**
 * Sends an answer that is whole. Over HTTP/2 to the stream itself: a response waits for trailers, which takes another frame in
 * another turn of the event loop, and another write to the socket. Not for HEAD.
 */
export function sendWhole(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string | number>>,
  body: string,
): void {
  const stream = streamOf(request)
  if (!stream) response.writeHead(status, headers).end(body)
  else if (!stream.destroyed && !stream.closed) {
    stream.respond({ ':status': status, ...headers })
    stream.end(body)
  }
}

/**
 * Puts the body of a request back, so that its stream does not end before `sendWhole` has written the answer; then
 * `watchDeadlines` drops it. Node destroys a stream whose both ends are sent while its answer is being written, and makes an
 * error for that, whose stack takes more time than the rest of a short answer.
 */
export function keepFromEnd(request: HttpRequest, body: Buffer): void {
  const stream = streamOf(request)
  if (stream && body.length > 0 && !stream.destroyed) stream.pause().unshift(body)
}
