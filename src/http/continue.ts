import type { Http2ServerResponse } from 'node:http2'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'

const waiting = new WeakMap<object, Http2ServerResponse>()

/**
 * Notes a client that waits for `100 Continue` before it sends its body (RFC 9110 §10.1.1). If it does not get that, it may or
 * may not send the body, so an HTTP/1.1 connection ends with the answer.
 */
export function expectsContinue(request: HttpRequest, response: HttpResponse): void {
  // an HTTP/1.0 client cannot expect a 100 (RFC 9110 §10.1.1)
  if (request.httpVersion === '1.0') return
  if (request.headers.expect?.toLowerCase() !== '100-continue') return
  // a LeanRequest never has this header
  const own = response as HttpResponse & Http2ServerResponse
  waiting.set(request, own)
  if (request.httpVersionMajor === 1) own.setHeader('connection', 'close')
}

/** Sends `100 Continue` to a client that waits for it, just before its body is read. */
export function sendContinue(request: HttpRequest): void {
  const response = waiting.get(request)
  if (!response) return
  waiting.delete(request)
  if (request.httpVersionMajor === 1) response.removeHeader('connection')
  response.writeContinue()
}
