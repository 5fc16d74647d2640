import type { GatewayError } from '../../errors.ts'
import { beginFailing } from '../app.ts'
import type { BatchOutcome } from '../batch.ts'
import type { Reply, Request } from '../fastify.ts'

/** The outcome of the values of one request. */
export interface WriteResult {
  readonly accepted: number
  /** In the order of the body. */
  readonly refused: readonly {
    readonly line: number
    readonly code: string
    readonly detail: string
  }[]
}

/** Why a write failed, and at which line of its body if one line caused it. */
export interface WriteFailure {
  readonly error: GatewayError
  readonly message: string
  readonly line?: number
}

/** InfluxDB 2's code for each status. */
const CODES: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not found',
  409: 'conflict',
  413: 'request too large',
  415: 'unsupported media type',
  429: 'too many requests',
  500: 'internal error',
  503: 'unavailable',
}

/** An error as InfluxDB sends it: `error` is where InfluxDB 1 has its message. */
export function sendFailure(
  request: Request,
  reply: Reply,
  status: number,
  { message, line }: { readonly message: string; readonly line?: number | undefined },
): void {
  const code = CODES[status] ?? 'invalid'
  reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('x-platform-error-code', code)
    .type('application/json')
    .send(JSON.stringify({ code, message, line, error: message, traceId: request.id }))
}

export function sendError(
  request: Request,
  reply: Reply,
  error: GatewayError,
  { message = error.message, line }: { message?: string; line?: number } = {},
): void {
  beginFailing(request, reply, error)
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  sendFailure(request, reply, error.status, { message, line })
}

/**
 * Why a write has to be repeated, or failed for good; null where values were published and none has to be repeated. `lineOf`
 * finds the line of a value.
 */
export function failureOf(
  { accepted, refused, stop }: BatchOutcome,
  lineOf: (value: { line: number }) => number,
): WriteFailure | null {
  const failed = refused.find(({ refusal }) => refusal.code === 'broker_unavailable')
  if (failed) return toFailure(failed.refusal, accepted, lineOf(failed))
  if (stop) return toFailure(stop.reason, accepted, lineOf(stop))
  const [first] = refused
  if (!first || accepted > 0) return null
  const same = refused.every(({ refusal }) => refusal.status === first.refusal.status)
  return same ? toFailure(first.refusal, 0, lineOf(first)) : null
}

function toFailure(error: GatewayError, accepted: number, line: number): WriteFailure {
  return { error, line, message: accepted === 0 ? error.message : partial(accepted, error.message) }
}

export function partial(accepted: number, detail: string): string {
  return `partial write error (${accepted} accepted): ${detail}`
}
