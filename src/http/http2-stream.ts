import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** The stream of a request over HTTP/2; HTTP/1.1 requests have none. */
export function streamOf(request: Http2ServerRequest): Http2ServerRequest['stream'] | undefined {
  return request.stream as Http2ServerRequest['stream'] | undefined
}

/** Whether the request was cancelled, or its connection has ended. */
export function isGone(request: Http2ServerRequest): boolean {
  return (streamOf(request) ?? request.socket).destroyed
}

/**
 * Sends an answer that is whole. Over HTTP/2 to the stream itself: a response waits for trailers, which takes another frame in
 * another turn of the event loop, and another write to the socket. Not for HEAD.
 */
export function sendWhole(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
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
export function keepFromEnd(request: Http2ServerRequest, body: Buffer): void {
  const stream = streamOf(request)
  if (stream && body.length > 0 && !stream.destroyed) stream.pause().unshift(body)
}
