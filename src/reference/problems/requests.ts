import type { Described } from './described.ts'

/** Problems with a request as HTTP. */
export const REQUESTS = {
  query_invalid: {
    means: 'the query has an unknown parameter or a wrong value',
    remedy: 'the detail names it',
    detail: 'qos must be 0 or 1, not "2".',
  },
  request_invalid: {
    means:
      'this is not a valid HTTP request for this path, or a header has a wrong value, or this is plain HTTP on an HTTPS port',
    remedy: 'the detail says what is wrong',
    detail: 'This is not a valid HTTP request.',
  },
  not_found: {
    means: 'this path does not exist',
    remedy: 'see `/docs` on the viewer door',
    detail: '/nothing does not exist here.',
  },
  method_not_allowed: {
    means: 'this path does not support this method',
    remedy: 'use a method from the header `Allow`',
    detail: '/topics/a does not support PUT, only GET, HEAD, POST.',
  },
  request_timeout: {
    means: 'the request did not arrive in time',
    remedy: 'check the network; send less at once',
    detail: 'The request did not arrive in time.',
  },
  headers_too_large: {
    means:
      'the request line and headers are too large, or the request has more than 128 header fields',
    remedy: 'shorten them, or send fewer',
    detail: 'The request line and headers are too large.',
  },
} satisfies Record<string, Described>
