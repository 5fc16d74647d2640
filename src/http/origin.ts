import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'

/**
 * A page of another site must not use the device certificate or the viewer session of the browser that shows it (CSRF). A
 * proxy may replace the Host header, so Sec-Fetch-Site, which only the browser can set, decides where it is sent. Programs send no Origin. Browsers
 * send none for what a page embeds (an image), but then they send Sec-Fetch-Site. A link that a person follows is allowed, a frame is not.
 */
export function originProblem(headers: IncomingHttpHeaders): GatewayError | null {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers
  // a program
  if (origin === undefined && site === undefined) return null
  const { 'sec-fetch-dest': destination = 'document' } = headers
  const own = `https://${headers[':authority'] ?? headers.host}`
  const followed = mode === 'navigate' && destination === 'document'
  const embedded = (site === 'cross-site' || site === 'same-site') && !followed
  const isOwn = origin === own || site === 'same-origin'
  if (origin === undefined ? !embedded : isOwn) return null
  return new GatewayError(
    'origin_denied',
    `Pages of ${origin ?? 'another site'} are not allowed to make requests for the user of this browser.`,
  )
}
