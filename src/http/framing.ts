import { GatewayError } from '../errors.ts'
import type { HttpRequest } from './http-exchange.ts'

/**
 * Header fields of one HTTP/1.1 request, as many as Node allows over HTTP/2. A thousand of them take a millisecond, in Node, before
 * the request can be charged to its device.
 */
export const MOST_HEADERS = 128

/**
 * Why a request is refused for its framing; null when it is not. A server in between might read it differently and let through
 * what it should stop (request smuggling).
 */
export function requestProblem(request: HttpRequest): GatewayError | null {
  return request.httpVersionMajor === 2 ? http2Problem(request) : http1Problem(request)
}

function http1Problem({ headers, rawHeaders, httpVersion }: HttpRequest) {
  if (rawHeaders.length > 2 * MOST_HEADERS)
    return new GatewayError(
      'headers_too_large',
      `A request may have at most ${MOST_HEADERS} header fields.`,
    )
  const coding = headers['transfer-encoding']
  // RFC 9112 §3.2: exactly one
  if (httpVersion === '1.1' && headers.host === undefined)
    return invalid('An HTTP/1.1 request must have a Host header.')
  if (countOf('host', rawHeaders) > 1) return invalid('A request must have only one Host header.')
  if (coding === undefined) return null
  // RFC 9112 §6.1
  if (httpVersion === '1.0')
    return invalid('An HTTP/1.0 request must not have a Transfer-Encoding header.')
  if (coding.toLowerCase() !== 'chunked')
    return invalid('The only supported transfer coding is "chunked".')
  return null
}

/** RFC 9113 §8.3.1 */
function http2Problem({ headers }: HttpRequest): GatewayError | null {
  const { host, ':authority': authority } = headers
  if (host === undefined || authority === undefined) return null
  if (host.toLowerCase() === authority.toLowerCase()) return null
  return invalid('The Host header and the :authority of a request must be the same.')
}

/** Counts the headers of one name: `headers` holds only the first. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const other = rawHeaders[index] as string
    if (other.length === name.length && other.toLowerCase() === name) count += 1
  }
  return count
}

export function noTunnel(): GatewayError {
  return new GatewayError('not_found', 'CONNECT is not supported on this door.')
}

function invalid(problem: string): GatewayError {
  return new GatewayError('request_invalid', problem)
}
