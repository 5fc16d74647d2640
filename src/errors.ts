/** The HTTP status of each refusal; the keys are the stable codes that devices and scripts match on. */
const STATUS = {
  certificate_required: 401,
  certificate_expired: 401,
  certificate_revoked: 401,
  certificate_untrusted: 401,
  identity_unusable: 401,
  session_required: 401,
  session_expired: 401,
  session_ended: 401,
  invite_invalid: 401,
  readings_refused: 400,
  topic_invalid: 400,
  query_invalid: 400,
  request_invalid: 400,
  body_invalid: 400,
  cloud_event_invalid: 400,
  time_invalid: 400,
  publish_denied: 403,
  read_denied: 403,
  origin_denied: 403,
  not_found: 404,
  not_retained: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  payload_too_large: 413,
  idempotency_key_in_use: 409,
  unsupported_media_type: 415,
  content_encoding_unsupported: 415,
  idempotency_key_reused: 422,
  rate_limited: 429,
  quota_exceeded: 429,
  headers_too_large: 431,
  internal_error: 500,
  not_supported_here: 501,
  subscription_refused: 502,
  broker_unavailable: 503,
  session_not_stored: 503,
  view_not_stored: 503,
  too_many_streams: 503,
  too_many_polls: 503,
} as const

export type ErrorCode = keyof typeof STATUS

export const ERROR_CODES = Object.keys(STATUS) as ErrorCode[]

/**
 * A refusal with a stable `code`, the sentence for the person who caused it, and where trying again
 * helps, after how many seconds. Inside the core it is returned; only doors and `broker/` throw it.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly status: number
  readonly retryAfter: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfter?: number } = {},
  ) {
    const { stackTraceLimit } = Error
    // an answer like any other: where it was made says nothing, and takes longer to find out than all else about it
    if (STATUS[code] < 500) Error.stackTraceLimit = 0
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.status = STATUS[code]
    this.retryAfter = options.retryAfter
  }
}

/** Something the person at the command line can mend: printed as it is, without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Node's code of a system, TLS or library error (`ENOENT`, `EADDRINUSE`, …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Why a file cannot be read, for the person who named it. */
export function whyUnreadable(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'no such file'
    case 'EACCES':
      return 'this user has no permission to read it'
    default:
      return messageOf(error)
  }
}

/** What a caught value says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
