import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { ResultFormat } from './event.ts'

/** An answer over HTTP, whole. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

/** What a function returns to API Gateway or to a load balancer. */
export interface Result {
  readonly statusCode: number
  readonly statusDescription?: string
  readonly headers?: Record<string, string>
  readonly multiValueHeaders?: Record<string, string[]>
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** Headers of one connection (RFC 9110 §7.6.1), and those that the service sets again. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding'],
  ...['content-length', 'date'],
])

/** Writes an answer in the format of the service that sent the event. */
export function toResult({ status, headers, body }: HttpAnswer, format: ResultFormat): Result {
  const isText = isUtf8(body)
  const lists = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || NOT_PASSED_ON.has(name)
      ? []
      : [[name, typeof value === 'string' ? [value] : [...value]] as const],
  )
  const hasLists = format === '1.0' || format === 'alb-multi-value'
  return {
    statusCode: status,
    // a load balancer wants both in one
    ...(format.startsWith('alb') ? { statusDescription: `${status} ${STATUS_CODES[status]}` } : {}),
    ...(hasLists
      ? { multiValueHeaders: Object.fromEntries(lists) }
      : { headers: Object.fromEntries(lists.map(([name, list]) => [name, list.join(', ')])) }),
    // text stays text: a REST API without binary media types would hand on the base64 itself
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  }
}
