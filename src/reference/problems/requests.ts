import type { Described } from './described.ts'

/** Problems with a request as HTTP. */
export const REQUESTS = {
  query_invalid: {
    means: 'the query has an unknown name, or a wrong value',
    remedy: 'the detail names it',
    detail: 'qos must be 0 or 1, not "2".',
  },
  request_invalid: {
    means:
      'this is not the HTTP that this path speaks, or a header has a wrong value, or this is plain HTTP on a port that speaks HTTPS',
    remedy: 'the detail says what is wrong',
    detail: 'This is not a valid HTTP request.',
  },
  not_found: {
    means: 'there is no such path',
    remedy: 'look it up in `/docs` on the viewer door',
    detail: 'There is no GET /nothing here.',
  },
  method_not_allowed: {
    means: 'there is such a path, but not for this method',
    remedy: '`Allow` names the methods that it has',
    detail: 'There is no PUT /topics/a here; its methods are GET, HEAD, POST.',
  },
  request_timeout: {
    means: 'the request did not arrive in time',
    remedy: 'look at the link; send less at once',
    detail: 'The request did not arrive in time.',
  },
  headers_too_large: {
    means: 'the request line and headers are beyond the bound',
    remedy: 'shorten them',
    detail: 'The request line and headers are too large.',
  },
} satisfies Record<string, Described>
