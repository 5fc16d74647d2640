import { PROXY_FORMATS } from './format-table.ts'
import type { HeaderNames, RequestHead } from './headers.ts'

/**
 * Whether a request that did not come from the proxy has a header in which one passes identity on. It is worth nothing there, and
 * says that somebody tries, or that a proxy sends to the wrong door.
 */
export function createSpoofDetector(
  given: HeaderNames = {},
): (request: Pick<RequestHead, 'headers'>) => boolean {
  const usual = Object.values(PROXY_FORMATS).flatMap(({ headers }) => Object.values(headers))
  const names = [...new Set([...usual, 'x-amzn-mtls-clientcert', ...Object.values(given)])].filter(
    (name) => name !== undefined,
  )
  return ({ headers }) => names.some((name) => headers[name] !== undefined)
}
