import { randomUUID } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { stateOf } from '../disk/state.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { type Book, redeem, revoke, type Session } from './book.ts'
import { changeBook, readBook } from './book-file.ts'
import { hashOf } from './invite.ts'

/** A session that is open now. */
export interface OpenSession extends Session {
  /** Aborted when it expires or is ended; the reason is a GatewayError that says which. */
  readonly ended: AbortSignal
}

export interface Viewers {
  /** Trades a one-time code for a session and the token that stands for it. */
  trade(code: string): Promise<{ session: OpenSession; token: string } | GatewayError>
  /** The session that the token stands for. */
  find(token: string): Promise<OpenSession | GatewayError>
  /** Logs out. */
  end(id: string): Promise<void>
  close(): void
}

export interface ViewersOptions {
  /** Told when the file cannot be used, and null when it can again. */
  readonly onProblem: (problem: string | null) => void
  /** How often to look whether the file has changed, in milliseconds. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 500
const ALGORITHM = 'HS256'
const EXPIRED = Symbol('expired')

/**
 * The viewers in the book at `path`, which `viewer invite` and `viewer revoke` change from outside. Nobody is let in, and
 * everybody out, while it cannot be read.
 */
export async function openViewers(
  path: string,
  { onProblem, intervalMs = INTERVAL_MS }: ViewersOptions,
): Promise<Viewers> {
  let book: Book | null = null
  let seen: string | null = null
  let problem: string | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let looking: Promise<void> = Promise.resolve()
  const controllers = new Map<string, AbortController>()

  /** One after the other: an older look that ended last would bring back what was just revoked. */
  function look(): Promise<void> {
    looking = looking.then(lookOnce)
    return looking
  }

  async function lookOnce(): Promise<void> {
    const state = await stateOf(path)
    if (state !== seen) {
      seen = state
      const before = problem
      try {
        book = await readBook(path)
        problem = null
      } catch (error) {
        book = null
        problem = messageOf(error)
      }
      if (problem !== before) onProblem(problem)
    }
    endSome()
  }

  /** Ends the open sessions that are no longer in the book, or whose time is over. */
  function endSome(): void {
    const now = Date.now()
    for (const [id, controller] of controllers) {
      const session = book?.sessions.find((one) => one.id === id)
      if (session && session.expires > now) continue
      controllers.delete(id)
      controller.abort(session ? expired() : ended())
    }
  }

  let changing: Promise<unknown> = Promise.resolve()
  /** One at a time: each that waits for the lock would have it open. */
  function change<T>(work: Parameters<typeof changeBook<T>>[2]): Promise<T> {
    const changed = changing.then(() => changeBook(path, Date.now(), work))
    changing = changed.catch(() => {})
    return changed
  }

  function opened(session: Session): OpenSession {
    let controller = controllers.get(session.id)
    if (!controller) {
      controller = new AbortController()
      controllers.set(session.id, controller)
    }
    return { ...session, ended: controller.signal }
  }

  async function lookLater(): Promise<void> {
    await look()
    if (!closed) timer = setTimeout(() => void lookLater(), intervalMs).unref()
  }
  await lookLater()

  const keyOf = ({ key }: Book) => Buffer.from(key, 'base64url')
  return {
    async trade(code) {
      const hash = hashOf(code)
      await look()
      // looked up here first: a stranger's guesses must not wait for the lock, nor others for them
      if (!book?.invites.some(({ codeHash }) => codeHash === hash)) return invalid()
      const session = await change((before) => {
        const traded = redeem(before, hash, randomUUID(), Date.now())
        return { book: traded?.book ?? before, result: traded?.session ?? null }
      })
      await look()
      if (!session || !book) return invalid()
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM })
        .setJti(session.id)
        .setExpirationTime(Math.floor(session.expires / 1000))
        .sign(keyOf(book))
      return { session: opened(session), token }
    },

    async find(token) {
      if (!book) return ended()
      const id = await jwtVerify(token, keyOf(book), { algorithms: [ALGORITHM] }).then(
        ({ payload }) => payload.jti,
        (error: unknown) => (error instanceof errors.JWTExpired ? EXPIRED : undefined),
      )
      if (id === EXPIRED) return expired()
      const session = book?.sessions.find((one) => one.id === id)
      if (!session) return ended()
      return session.expires > Date.now() ? opened(session) : expired()
    },

    async end(id) {
      await change((before) => ({ book: revoke(before, id), result: undefined }))
      await look()
    },

    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function invalid(): GatewayError {
  return new GatewayError(
    'invite_invalid',
    'This invite was used before, has expired, or never was one. Ask for a new one: wott-gateway viewer invite NAME',
  )
}

function expired(): GatewayError {
  return new GatewayError('session_expired', 'Your session has expired. Ask for a new invite.')
}

function ended(): GatewayError {
  return new GatewayError('session_ended', 'Your session was ended. Ask for a new invite.')
}
