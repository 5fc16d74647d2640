import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'

/**
 * A page of another site, open in a browser that holds a device certificate or a viewer's session, must not speak in that
 * name. Behind a proxy that does not pass the Host on, only the browser knows that the page is the gateway's own, and says so where no
 * page can (Sec-Fetch-Site). Programs send no Origin. Nor do browsers for what a page only embeds, an image say, but they say that the page is
 * another site's; a link that somebody follows is no page's doing, but a frame is.
 */
export function originProblem(headers: IncomingHttpHeaders): GatewayError | null {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers
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
