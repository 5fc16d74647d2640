import { codeOf, type ErrorCode, GatewayError } from '../errors.ts'

/** RFC 9457 problem details, with the members that AWS IoT's error bodies have. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly message: string
  readonly traceId: string
}

export const PROBLEM_TYPE = 'application/problem+json'

export function toProblem({ code, status, message }: GatewayError, traceId: string): Problem {
  return {
    type: `urn:wott-gateway:problem:${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    message,
    traceId,
  }
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** What Fastify or Node objected to, as a refusal of ours; whatever else it is stays inside. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  switch (codeOf(error)) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError(
        'payload_too_large',
        'The request body is larger than this route takes.',
      )
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return new GatewayError('request_invalid', (error as Error).message)
    default:
      return isClientError(error)
        ? new GatewayError('request_invalid', (error as Error).message)
        : new GatewayError(
            'internal_error',
            'Something went wrong inside the gateway; its log has the same traceId.',
            {
              cause: error,
            },
          )
  }
}

function isClientError(error: unknown): boolean {
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' && status >= 400 && status < 500
}

/** A whole HTTP/1.1 answer to bytes that never became a request, for Node's `clientError`. */
export function rawAnswer(code: string | undefined, traceId: string): string {
  const refusal =
    code === 'HPE_HEADER_OVERFLOW'
      ? new GatewayError('headers_too_large', 'The request line and headers are too large.')
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new GatewayError('request_timeout', 'The request did not arrive in time.')
        : new GatewayError('request_invalid', 'These bytes are no HTTP request.')
  const body = JSON.stringify(toProblem(refusal, traceId))
  return [
    `HTTP/1.1 ${refusal.status} ${titleOf(refusal.code)}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${traceId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
