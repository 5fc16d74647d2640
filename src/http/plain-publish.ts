import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../caller.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Outcome, Reading, Relay } from '../relay/relay.ts'
import { createTopicMemo } from '../topic/memo.ts'
import { logFailure } from './app.ts'
import { arrivedBody, readBody, whenParsed } from './body.ts'
import type { Gate } from './gate.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { keepFromEnd, sendWhole } from './http2-stream.ts'
import { LeanRequest } from './lean-exchange.ts'
import { SMALL_BYTES } from './memory.ts'
import { createPieces } from './pieces.ts'
import { problemAnswer, toGatewayError, traceHeaders } from './problem.ts'
import { PUBLISH } from './publish-query.ts'
import { PUBLISH_PREFIX, type PublishTarget, toReading, toTarget } from './publish-request.ts'
import { parseQuery } from './query.ts'
import { createQueryReader } from './query-schema.ts'
import type { Shortcut, ShortcutContext } from './shortcut.ts'
import { createTraceId } from './trace-id.ts'

export interface PlainPublishOptions {
  readonly gate: Gate
  readonly relay: Pick<Relay, 'publish'>
  readonly meter: Pick<Meter, 'published' | 'publishTook'>
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
}

/** A publish under way. */
interface Publish {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly target: PublishTarget
  readonly caller: Caller
}

/** The estimated time of such a request: as long as the answer of many at once takes (bench/http.ts). */
const PUBLISH_MS = 0.04
const REMEMBERED = { topics: 10_000, size: 1_000_000 }
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Answers the usual request of a device, `POST /topics/{topic}` with a short body and no further wishes, without the framework,
 * whose hooks and objects would take most of the request's time. The route answers every other publish, in the same way.
 */
export function createPlainPublish(
  { gate, relay, meter, maxPayloadBytes }: PlainPublishOptions,
  { log, isStopping }: ShortcutContext,
): Shortcut {
  // a device sends to the same URL again and again
  const targets = createTopicMemo(targetIn, REMEMBERED)
  const mostBytes = Math.min(maxPayloadBytes, SMALL_BYTES)

  /** Null for a request that is not plain, or whose URL is wrong; where it is only looked up, also for a URL that is new. */
  function plainTarget(
    method: IncomingHttpHeaders[string],
    url: IncomingHttpHeaders[string],
    headers: IncomingHttpHeaders,
    find: (url: string) => PublishTarget | GatewayError | undefined,
  ): PublishTarget | null {
    if (method !== 'POST' || typeof url !== 'string') return null
    if (!url.startsWith(PUBLISH_PREFIX)) return null
    const isShort = Number(headers['content-length']) <= mostBytes
    if (!isShort || asksForMore(headers)) return null
    const target = find(url)
    if (target === undefined || target instanceof GatewayError) return null
    return target.query.command === undefined && target.query.ack.length === 0 ? target : null
  }

  function targetOf(request: HttpRequest): PublishTarget | null {
    if (request instanceof LeanRequest) return request.known as PublishTarget
    return plainTarget(request.method, request.url, request.headers, targets.of)
  }

  function read(publish: Publish): void {
    const { request } = publish
    const arrived = arrivedBody(request)
    if (arrived) serve(publish, null, arrived)
    else
      readBody(request, createPieces(mostBytes, noHold), (error, body) =>
        serve(publish, error, body),
      )
  }

  function serve(publish: Publish, error: Error | null, body = NOTHING): void {
    keepFromEnd(publish.request, body)
    const outcome = outcomeOf(publish, error, body)
    if (outcome instanceof Promise)
      void outcome.catch(toGatewayError).then((settled) => answer(publish, settled))
    else answer(publish, outcome)
  }

  function outcomeOf(
    publish: Publish,
    error: Error | null,
    body: Buffer,
  ): Outcome | Promise<Outcome> {
    const { door } = publish.caller
    try {
      const reading = error ? toGatewayError(error) : readingIn(publish, body)
      if (reading instanceof GatewayError) {
        // the relay counts the requests that reach it
        meter.published(door, 0, 'invalid')
        return reading
      }
      const started = performance.now()
      const outcome = relay.publish(publish.caller, reading)
      if (outcome instanceof Promise)
        return outcome.then((settled) => timed(settled, started, door))
      return timed(outcome, started, door)
    } catch (fault) {
      return toGatewayError(fault)
    }
  }

  function timed(outcome: Outcome, started: number, door: Door): Outcome {
    meter.publishTook(door, (performance.now() - started) / 1000)
    return outcome
  }

  function answer({ request, response }: Pick<Publish, 'request' | 'response'>, outcome: Outcome) {
    // it was refused in the meantime
    if (response.headersSent) return
    const traceId = createTraceId()
    if (outcome) logFailure(log, traceId, outcome)
    const { headers, body } = outcome ? problemAnswer(outcome, traceId) : acceptance(traceId)
    const isLast = isStopping() || outcome?.code === 'request_timeout'
    // HTTP/2 has no such header (RFC 9113 §8.2.2)
    if (isLast && request.httpVersionMajor === 1) headers.connection = 'close'
    sendWhole(request, response, outcome?.status ?? 200, headers, body)
  }

  return {
    // parses no URL, because the request is not admitted yet
    recognise: (headers) =>
      plainTarget(headers[':method'], headers[':path'], headers, targets.known),
    take(request, response) {
      const target = targetOf(request)
      if (target === null) return false
      const caller = gate.admit(request, response)
      if (caller instanceof GatewayError) {
        answer({ request, response }, caller)
        return true
      }
      const publish = { request, response, target, caller }
      const entry = { serve: () => read(publish), leastMs: PUBLISH_MS }
      whenParsed(request, () => gate.enter(caller, request, entry))
      return true
    },
  }
}

/** Whether a request asks for more than to publish its body. */
function asksForMore(headers: IncomingHttpHeaders): boolean {
  return (
    headers['content-encoding'] !== undefined ||
    headers.expect !== undefined ||
    headers['idempotency-key'] !== undefined ||
    headers.prefer !== undefined
  )
}

const readQuery = createQueryReader(PUBLISH)

function targetIn(url: string): PublishTarget | GatewayError {
  const query = readQuery(parseQuery(url))
  return query instanceof GatewayError ? query : toTarget(url, query)
}

function readingIn({ request, target, caller }: Publish, body: Buffer): Reading | GatewayError {
  // the certificate may have been revoked while the body arrived
  if (caller.ended?.aborted) return caller.ended.reason
  const { headers } = request
  return toReading(target, { headers, contentType: headers['content-type'], body })
}

function acceptance(traceId: string): ReturnType<typeof problemAnswer> {
  const body = `{"message":"OK","traceId":"${traceId}"}`
  const headers = {
    ...traceHeaders(traceId),
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  }
  return { headers, body }
}

function noHold(): never {
  throw new Error('a short body is held with its request')
}
