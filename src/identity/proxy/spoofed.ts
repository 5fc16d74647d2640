import { PROXY_FORMATS } from './format-table.ts'
import type { HeaderNames, RequestHead } from './headers.ts'

/**
 * Detects identity headers of proxies in requests that do not come from the proxy. They have no effect, but are a sign of an attack,
 * or of a proxy that sends to the wrong door.
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
