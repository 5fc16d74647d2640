import { type ErrorCode, GatewayError } from '../errors.ts'
import type { AnswerOf, AnswerSchema } from './json-answer.ts'
import { PICKED_UP } from './pick-up.ts'

/** A line that was not published. */
export interface RefusedLine {
  readonly line: number
  readonly refusal: GatewayError
}

/** What became of many readings; the refused ones are in the order of their lines. */
export interface BatchOutcome {
  readonly accepted: number
  readonly refused: readonly RefusedLine[]
  readonly stop: Stop | null
}

/** What a reading can be refused for, however it is sent. */
export const REFUSALS: readonly ErrorCode[] = [
  'topic_invalid',
  'time_invalid',
  'payload_too_large',
  'rate_limited',
  'publish_denied',
  'broker_unavailable',
]

/** A line that was not published, as the answer describes it. */
export const REFUSED_LINE = {
  type: 'object',
  description: 'A line that was not published, and why.',
  required: ['line', 'code', 'detail'],
  properties: {
    line: { type: 'integer', minimum: 1, description: 'From 1; blank lines count.' },
    code: {
      type: 'string',
      enum: ['body_invalid', ...REFUSALS],
    },
    detail: { type: 'string' },
  },
} as const satisfies AnswerSchema

/** The answer of `POST /topics`. */
export const OUTCOME = {
  type: 'object',
  description: 'The result of publishing many readings.',
  required: ['accepted', 'refused'],
  properties: {
    accepted: { type: 'integer', minimum: 0, description: 'How many were published.' },
    refused: {
      type: 'array',
      description: 'The lines that were not published, and why.',
      items: { $ref: 'RefusedLine#' },
    },
    ...PICKED_UP,
  },
} as const satisfies AnswerSchema

/** The outcome of many readings. */
export interface BatchResult {
  readonly accepted: number
  readonly refused: readonly AnswerOf<typeof REFUSED_LINE>[]
  /** The line to continue with, where the rate limit stopped the batch. */
  readonly next?: number
}

/** The answer for many readings: `error` where the request has failed. */
export interface BatchAnswer {
  readonly result: BatchResult
  readonly error: GatewayError | null
  /** Whether it is the stored answer of an earlier request. */
  readonly isReplayed?: boolean
}

/** The status of a request that has not failed. */
export function statusOf({ refused }: BatchResult): 200 | 207 {
  return refused.length === 0 ? 200 : 207
}

/** Where the rate limit stopped a batch. */
export interface Stop {
  readonly line: number
  readonly reason: GatewayError
}

export function toBatchAnswer(outcome: BatchOutcome): BatchAnswer {
  const { accepted, stop } = outcome
  const refused = outcome.refused.map(({ line, refusal }) => ({
    line,
    code: refusal.code,
    detail: refusal.message,
  }))
  const result = { accepted, refused, ...(stop ? { next: stop.line } : {}) }
  return { result, error: failureOf(outcome) }
}

function failureOf({ accepted, refused, stop }: BatchOutcome): GatewayError | null {
  const refusals = refused.map(({ refusal }) => refusal)
  const failed = refusals.filter(({ code }) => code === 'broker_unavailable')
  const [first] = refusals
  if (failed[0])
    return again(failed[0], `${accepted} lines were published; ${failed.length} were not stored.`)
  if (stop)
    return again(
      stop.reason,
      `${stop.reason.message} ${accepted} lines were published; continue from line ${stop.line}.`,
    )
  if (!first || accepted > 0) return null
  if (refusals.every(({ code }) => code === first.code))
    return again(first, `All ${refusals.length} lines were refused: ${first.message}`)
  return new GatewayError(
    'readings_refused',
    `All ${refusals.length} lines were refused, for different reasons.`,
  )
}

function again({ code, retryAfter }: GatewayError, message: string): GatewayError {
  return new GatewayError(code, message, retryAfter === undefined ? {} : { retryAfter })
}
