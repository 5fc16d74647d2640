import { codeOf, type ErrorCode, GatewayError } from '../errors.ts'

/** RFC 9457 problem details, with additional members as in AWS IoT's error bodies. */
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

/**
 * An error of Fastify or Node as a refusal; one about the body's size names `bodyLimit`. Any other error is hidden as internal.
 */
export function toGatewayError(error: unknown, bodyLimit?: number): GatewayError {
  if (error instanceof GatewayError) return error
  switch (codeOf(error)) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError(
        'payload_too_large',
        `The request body is larger than ${bodyLimit === undefined ? 'this route takes' : `the ${bodyLimit} bytes that are allowed`}.`,
      )
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

/** The `traceId` again, in the header that AWS clients read. */
const AWS_REQUEST_ID = 'x-amzn-requestid'

/** The headers of every answer. */
export function traceHeaders(traceId: string) {
  return {
    'x-request-id': traceId,
    [AWS_REQUEST_ID]: traceId,
    'x-content-type-options': 'nosniff',
  }
}

/** The AWS IoT error type for each status that AWS uses: its clients choose their error classes by it. */
const AWS_ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'InvalidRequestException',
  401: 'UnauthorizedException',
  403: 'ForbiddenException',
  404: 'ResourceNotFoundException',
  405: 'MethodNotAllowedException',
  409: 'ConflictException',
  413: 'RequestEntityTooLargeException',
  415: 'UnsupportedDocumentEncodingException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailableException',
}

function awsErrorType(status: number): string {
  return (
    AWS_ERROR_TYPES[status] ??
    (status < 500 ? 'InvalidRequestException' : 'InternalFailureException')
  )
}

/** The headers and the body of a problem, with additional members if there are any (RFC 9457 §3.2). */
export function problemAnswer(
  error: GatewayError,
  traceId: string,
  more: object = {},
): { headers: Record<string, string | number>; body: string } {
  const body = JSON.stringify({ ...toProblem(error, traceId), ...more })
  const headers = {
    'content-type': PROBLEM_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...traceHeaders(traceId),
    'x-amzn-errortype': awsErrorType(error.status),
    ...(error.retryAfter === undefined ? {} : { 'retry-after': error.retryAfter }),
  }
  return { headers, body }
}

/** A problem as the last bytes on an HTTP/1.1 connection. */
export function rawAnswer(error: GatewayError, traceId: string): string {
  const { headers, body } = problemAnswer(error, traceId)
  return [
    `HTTP/1.1 ${error.status} ${titleOf(error.code)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

/** What is wrong with bytes that are not a valid request, by the code of Node's `clientError`. */
export function toParseProblem(code: string | undefined): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('headers_too_large', 'The request line and headers are too large.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout()
    default:
      return new GatewayError('request_invalid', 'This is not a valid HTTP request.')
  }
}

export function requestTimeout(): GatewayError {
  return new GatewayError('request_timeout', 'The request did not arrive in time.')
}
