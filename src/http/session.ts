import cookie from '@fastify/cookie'
import { GatewayError } from '../errors.ts'
import type { OpenSession, Viewers } from '../viewer/viewers.ts'
import { callerOf } from './caller.ts'
import type { App, Reply, Request } from './fastify.ts'
import { type AnswerOf, type AnswerSchema, answerJson } from './json-answer.ts'

/** `__Host-` makes browsers require Secure, this exact host and the path / (RFC 6265bis §4.1.3.2). */
export const COOKIE = '__Host-wott-session'
const COOKIE_OPTIONS = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const
const BODY_LIMIT = 4096

export function acceptCookies(app: App): void {
  app.register(cookie as never)
}

/** The session of the client that sends this request. */
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

/** `POST /session` exchanges the code of an invite for a cookie. */
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
      return answerJson<typeof SESSION>(reply, toSession(session, viewers))
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

/** Who is logged in. */
export const SESSION = {
  type: 'object',
  description: 'Who looks, until when, and by what right.',
  required: ['id', 'expires', 'kind'],
  properties: {
    id: { type: 'string', description: "The viewer's name, or the WoTT ID." },
    expires: { type: 'string', format: 'date-time' },
    kind: { type: 'string', enum: ['certificate', 'invite'] },
    view: {
      type: 'string',
      description:
        'The query of what the dashboard shows first, empty for everything; only viewers who were invited have one.',
    },
  },
} as const satisfies AnswerSchema

/** `GET /session`: who is logged in, and until when. `viewers` is null where clients show certificates instead. */
export function sessionRoute(app: App, viewers: Viewers | null): void {
  app.get('/session', { config: { operation: 'getSession' } }, async (request, reply) => {
    const { id, notAfter: expires } = callerOf(request).identity
    return answerJson<typeof SESSION>(
      reply,
      viewers
        ? toSession({ name: id, expires }, viewers)
        : { id, expires: toTime(expires), kind: 'certificate' },
    )
  })
}

const MOST_OF_VIEW = 2048
/** The characters of encodeURIComponent's output, and the separators of a query. */
const VIEW = /^[\w.~!'()*%&=-]*$/

/** `PUT /view`: what the caller's dashboard shows first. */
export function viewRoute(app: App, viewers: Viewers): void {
  app.put(
    '/view',
    { config: { operation: 'keepView' }, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const view = textIn(request.body, 'view')
      if (view === null || view.length > MOST_OF_VIEW || !VIEW.test(view))
        throw new GatewayError(
          'body_invalid',
          `The body must be JSON: {"view":"filter=…"}, with the query of an address of the dashboard, at most ${MOST_OF_VIEW} characters.`,
        )
      const problem = await viewers.keepView(callerOf(request).identity.id, view)
      if (problem) throw problem
      return reply.code(204).send()
    },
  )
}

function toSession(
  { name, expires }: Pick<OpenSession, 'name' | 'expires'>,
  viewers: Viewers,
): AnswerOf<typeof SESSION> {
  return { id: name, expires: toTime(expires), kind: 'invite', view: viewers.viewOf(name) }
}

function toTime(time: number): string {
  return new Date(time).toISOString()
}

interface Cookies {
  setCookie(name: string, value: string, options: object): void
  clearCookie(name: string, options: object): void
}

// the plugin's types are for HTTP/1.1 servers
function cookies(reply: Reply): Cookies {
  return reply as unknown as Cookies
}

function codeIn(body: unknown): string {
  const code = textIn(body, 'code')
  if (code) return code
  throw new GatewayError('body_invalid', 'The body must be JSON: {"code":"…"}')
}

/** A text member of an object in JSON; null where there is none. */
function textIn(body: unknown, member: string): string | null {
  if (!Buffer.isBuffer(body)) return null
  try {
    const { [member]: text } = JSON.parse(body.toString()) as Record<string, unknown>
    return typeof text === 'string' ? text : null
  } catch {
    return null
  }
}
