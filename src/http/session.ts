import cookie from '@fastify/cookie'
import { GatewayError } from '../errors.ts'
import type { OpenSession, Viewers } from '../viewer/viewers.ts'
import { callerOf } from './caller.ts'
import type { App, Reply, Request } from './fastify.ts'

/** `__Host-` makes browsers insist on Secure, on this host alone, and on the whole of it (RFC 6265bis §4.1.3.2). */
export const COOKIE = '__Host-wott-session'
const COOKIE_OPTIONS = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const
const BODY_LIMIT = 4096

export function acceptCookies(app: App): void {
  app.register(cookie as never)
}

/** The session of whoever sends this request. */
export function sessionOf(request: Request, viewers: Viewers): OpenSession | GatewayError {
  const token = (request as Request & { cookies: Record<string, string | undefined> }).cookies[
    COOKIE
  ]
  if (token !== undefined) return viewers.find(token)
  return new GatewayError(
    'session_required',
    'Open the link of an invite first: wott-gateway viewer invite NAME',
  )
}

/** `POST /session` trades the code of an invite for a cookie. */
export function loginRoute(
  app: App,
  viewers: Viewers,
  problem: (request: Request) => GatewayError | null,
  onLogIn: (request: Request, session: OpenSession) => void,
): void {
  app.post(
    '/session',
    { config: { operation: 'logIn' }, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const refused = problem(request)
      if (refused) throw refused
      const traded = await viewers.trade(codeIn(request.body))
      if (traded instanceof GatewayError) throw traded
      const { session, token } = traded
      onLogIn(request, session)
      cookies(reply).setCookie(COOKIE, token, {
        ...COOKIE_OPTIONS,
        expires: new Date(session.expires),
      })
      return answer(reply, session.name, session.expires, 'invite')
    },
  )
}

/** `DELETE /session` logs out, and ends the streams of the session. */
export function logoutRoute(
  app: App,
  viewers: Viewers,
  onLogOut: (request: Request, session: OpenSession) => void,
): void {
  app.delete('/session', { config: { operation: 'logOut' } }, async (request, reply) => {
    const session = sessionOf(request, viewers)
    cookies(reply).clearCookie(COOKIE, COOKIE_OPTIONS)
    if (!(session instanceof GatewayError)) onLogOut(request, session)
    const problem = session instanceof GatewayError ? null : await viewers.end(session.id)
    if (problem) throw problem
    return reply.code(204).send()
  })
}

/** `GET /session`: who looks, and until when. */
export function sessionRoute(app: App, kind: 'certificate' | 'invite'): void {
  app.get('/session', { config: { operation: 'getSession' } }, async (request, reply) => {
    const { id, notAfter } = callerOf(request).identity
    return answer(reply, id, notAfter, kind)
  })
}

function answer(reply: Reply, id: string, expires: number, kind: 'certificate' | 'invite'): Reply {
  return reply
    .header('cache-control', 'no-store')
    .type('application/json')
    .send(JSON.stringify({ id, expires: new Date(expires).toISOString(), kind }))
}

interface Cookies {
  setCookie(name: string, value: string, options: object): void
  clearCookie(name: string, options: object): void
}

// the plugin's types are of HTTP/1.1 servers
function cookies(reply: Reply): Cookies {
  return reply as unknown as Cookies
}

function codeIn(body: unknown): string {
  const problem = new GatewayError('body_invalid', 'The body must be JSON: {"code":"…"}')
  if (!Buffer.isBuffer(body)) throw problem
  try {
    const { code } = JSON.parse(body.toString()) as { readonly code?: unknown }
    if (typeof code === 'string' && code !== '') return code
  } catch {}
  throw problem
}
