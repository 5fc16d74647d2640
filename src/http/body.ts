import type { Http2ServerRequest } from 'node:http2'
import type { Readable } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'
import { GatewayError } from '../errors.ts'
import {
  type Coding,
  codingIn,
  createDecoder,
  DECODER_BYTES,
  notEncoded,
} from './content-coding.ts'
import { sendContinue } from './continue.ts'
import { bodyArrived, bodyTaken, whenLate } from './deadlines.ts'
import type { Request } from './fastify.ts'
import type { HttpRequest } from './http-exchange.ts'
import { streamOf } from './http2-stream.ts'
import { type HttpMemory, holdFor, noRoom } from './memory.ts'
import { createPieces, type Pieces } from './pieces.ts'
import { requestTimeout } from './problem.ts'

const NOTHING: Buffer = Buffer.alloc(0)

type Done = (error: Error | null, body?: Buffer) => void

type BodyReader = (request: Request, stream: HttpRequest, done: Done) => void

/** A parser for Fastify that counts bodies while they grow, and decodes them where the route asks for that. */
export function createBodyReader(memory: Pick<HttpMemory, 'memory'>): BodyReader {
  return (request, stream, done) => {
    const { 'content-encoding': encoding } = request.headers
    const coding = codingIn(encoding, request.routeOptions.config.decodesBody === true)
    if (coding instanceof GatewayError) {
      done(coding)
      return
    }
    const limit = request.routeOptions.bodyLimit ?? 0
    const openHold = () => holdFor(request, memory, 'body')
    readBody(stream, createPieces(limit, openHold), (error, body) => {
      if (error || !body || coding === null) done(error, body)
      else decode(body, coding, createPieces(limit, openHold), openHold(), done)
    })
  }
}

/**
 * Reads a whole body into `pieces`. Fastify's own parser would keep an object for each piece, even of a single byte, and would
 * accept an HTTP/2 body that broke off as complete.
 */
export function readBody(request: HttpRequest, pieces: Pieces, done: Done): void {
  const source = sourceOf(request)
  const declared = request.headers['content-length']
  const expected = declared === undefined ? null : Number(declared)

  function take(piece: Buffer): void {
    const refused = pieces.add(piece)
    if (refused) {
      finish(refused)
      return
    }
    bodyArrived(request, piece.length)
    if (expected !== pieces.length()) return
    bodyTaken(request)
    finish(null)
  }

  function end(): void {
    const whole = !brokeOff(request) && (expected === null || expected === pieces.length())
    finish(whole ? null : incomplete())
  }

  const breakOff = () => finish(incomplete())
  const giveUp = () => finish(requestTimeout())

  function finish(error: Error | null): void {
    source.off('data', take).off('end', end).off('error', breakOff).off('close', breakOff)
    whenLate(request, null)
    if (error) {
      pieces.drop()
      done(error)
    } else done(null, pieces.whole())
  }

  const refused = pieces.expect(expected)
  if (refused) {
    finish(refused)
    return
  }
  sendContinue(request)
  source.on('data', take).on('end', end).on('error', breakOff).on('close', breakOff)
  whenLate(request, giveUp)
  source.resume()
}

/**
 * The body of a request with `content-length`, if all of it has arrived: no listeners are needed then. Null for a body that
 * `readBody` has to wait for.
 */
export function arrivedBody(request: HttpRequest): Buffer | null {
  const source = sourceOf(request)
  const length = Number(request.headers['content-length'])
  if (brokeOff(request) || source.readableLength !== length) return null
  // null for a body of 0 bytes
  const bytes: Buffer = source.read(length) ?? NOTHING
  if (bytes.length !== length) return null
  // a copy, because each piece would keep the whole network buffer around it in memory
  const body = Buffer.from(bytes)
  bodyTaken(request)
  // otherwise the request would never end
  source.resume()
  return body
}

/** Decodes a body piece by piece: it stops at the limit when a few bytes expand to many. */
function decode(body: Buffer, coding: Coding, pieces: Pieces, hold: Hold, done: Done): void {
  const refused = hold.resize(DECODER_BYTES) ? pieces.expect(body.length) : noRoom()
  if (refused) {
    hold.release()
    done(refused)
    return
  }
  const decoder = createDecoder(coding)

  function finish(error: Error | null): void {
    decoder.off('data', take).off('end', end).off('error', fail)
    // pending work may still emit an error
    decoder.on('error', () => {}).destroy()
    hold.release()
    if (error) {
      pieces.drop()
      done(error)
    } else done(null, pieces.whole())
  }

  function take(piece: Buffer): void {
    const refused = pieces.add(piece)
    if (refused) finish(refused)
  }

  const end = () => finish(null)
  const fail = () => finish(notEncoded(coding))
  decoder.on('data', take).on('end', end).on('error', fail).end(body)
}

/** Over HTTP/2 the stream itself: the request would only copy its events, at the cost of a second stream. */
function sourceOf(request: HttpRequest): Readable {
  return streamOf(request) ?? (request as Http2ServerRequest)
}

/**
 * Calls `go` once Node has parsed the part of an HTTP/1.1 body that came in one packet with the headers, which is all of most
 * short bodies. At once over HTTP/2, where that would take another turn of the event loop.
 */
export function whenParsed(request: HttpRequest, go: () => void): void {
  if (streamOf(request)) go()
  else process.nextTick(go)
}

/** Whether the client or the connection aborted the request: Node reports an end of the body then, too. */
function brokeOff(request: HttpRequest): boolean {
  // HTTP/1.1 requests end only when they are complete
  const stream = streamOf(request)
  return stream !== undefined && (stream.destroyed || stream.closed || stream.aborted)
}

function incomplete(): GatewayError {
  return new GatewayError('request_invalid', 'The request ended before the end of its body.')
}
