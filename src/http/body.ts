import type { Http2ServerRequest } from 'node:http2'
import { errorCodes } from 'fastify'
import type { Hold } from '../budget/ledger.ts'
import { GatewayError } from '../errors.ts'
import type { Request } from './app.ts'
import { sendContinue } from './continue.ts'
import { bodyArrived, whenLate } from './deadlines.ts'
import { type HttpMemory, holdFor, noRoom, SMALL_BYTES } from './memory.ts'
import { requestTimeout } from './problem.ts'

const NOTHING = Buffer.alloc(0)

type Done = (error: Error | null, body?: Buffer) => void

/** What a body that does not say its length begins with. */
const FIRST_BYTES = 1024
const MOST_BYTES_AHEAD = 16_384

type BodyReader = (request: Request, stream: Http2ServerRequest, done: Done) => void

/** A parser for Fastify whose bodies are counted as they grow. */
export function createBodyReader(memory: Pick<HttpMemory, 'memory'>): BodyReader {
  return (request, stream, done) =>
    readBody(request, stream, () => holdFor(request, memory, 'body'), done)
}

/**
 * Reads a whole body of at most the route's `bodyLimit` bytes, as a parser for Fastify. Its own would keep an object for
 * each piece, a single byte perhaps, and take an HTTP/2 body that broke off for one that ended.
 */
function readBody(
  request: Request,
  stream: Http2ServerRequest,
  openHold: () => Hold,
  done: Done,
): void {
  const limit = request.routeOptions.bodyLimit ?? 0
  const declared = request.headers['content-length']
  const expected = declared === undefined ? null : Number(declared)
  if (expected !== null && expected > limit) {
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
    return
  }
  let body = Buffer.allocUnsafe(Math.min(expected ?? FIRST_BYTES, MOST_BYTES_AHEAD, limit))
  let length = 0
  let hold: Hold | undefined

  function reserve(bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true
    hold ??= openHold()
    return hold.resize(bytes)
  }

  function take(piece: Buffer): void {
    const next = length + piece.length
    if (next > limit) {
      finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
      return
    }
    if (next > body.length) {
      const capacity = Math.min(limit, Math.max(next, 2 * body.length))
      if (!reserve(capacity)) {
        finish(noRoom())
        return
      }
      const larger = Buffer.allocUnsafe(capacity)
      larger.set(body.subarray(0, length))
      body = larger
    }
    body.set(piece, length)
    length = next
    bodyArrived(stream, piece.length)
  }

  function end(): void {
    const whole = !brokeOff(stream) && (expected === null || expected === length)
    finish(whole ? null : incomplete())
  }

  const breakOff = () => finish(incomplete())
  const giveUp = () => finish(requestTimeout())

  function finish(error: Error | null): void {
    stream.off('data', take).off('end', end).off('error', breakOff).off('close', breakOff)
    whenLate(stream, null)
    if (error) {
      body = NOTHING
      hold?.release()
      done(error)
    } else done(null, body.subarray(0, length))
  }

  if (!reserve(body.length)) {
    finish(noRoom())
    return
  }
  stream.on('data', take).on('end', end).on('error', breakOff).on('close', breakOff)
  whenLate(stream, giveUp)
  sendContinue(stream)
  stream.resume()
}

/** Whether the other end, or the connection, gave the request up: for Node its body has an end then, too. */
function brokeOff(request: Http2ServerRequest): boolean {
  // HTTP/1.1 requests have no stream, and end only when they are complete
  const stream = request.stream as Http2ServerRequest['stream'] | undefined
  return stream !== undefined && (stream.destroyed || stream.closed || stream.aborted)
}

function incomplete(): GatewayError {
  return new GatewayError('request_invalid', 'The request broke off before the end of its body.')
}
