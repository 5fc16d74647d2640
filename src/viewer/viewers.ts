import { randomBytes, randomUUID } from 'node:crypto'
import type { GatewayError } from '../errors.ts'
import { keepView, redeem, revokeViewer, type ViewerSession } from './book.ts'
import type { BookChange } from './changes.ts'
import { followBook } from './followed-book.ts'
import { hashOf } from './invite.ts'
import {
  inviteInvalid,
  sessionEnded,
  sessionExpired,
  sessionNotStored,
  viewBusy,
  viewNotStored,
} from './refusals.ts'

/** A session that is open now. */
export interface OpenSession extends ViewerSession {
  /** Aborted when it expires or is ended; the reason is a GatewayError that says which. */
  readonly ended: AbortSignal
}

/** The people who may log in, and who is logged in. */
export interface Viewers {
  /** Trades a one-time code for a session and its token. */
  trade(code: string): Promise<{ session: OpenSession; token: string } | GatewayError>
  /** The session of a token. */
  find(token: string): OpenSession | GatewayError
  /** Logs out at once; resolves to why that is not stored yet, or null. Storing it is tried again until it works. */
  end(id: string): Promise<GatewayError | null>
  /** The stored view of the viewer `name`, as the query of an address; empty for none. */
  viewOf(name: string): string
  /** Stores another view; resolves to why that failed, or null. */
  keepView(name: string, query: string): Promise<GatewayError | null>
  /** Why the book cannot be used; null when it can. */
  failure(): string | null
  close(): void
}

export interface ViewersOptions {
  /** Called when the file cannot be used, and with null when it can again. */
  readonly onOutage: (reason: string | null) => void
  /** Called for every attempt to read it that fails. */
  readonly onFailure?: (error: unknown) => void
  /** Called for each change that others make in it. */
  readonly onChange?: (change: BookChange) => void
  /** Called with the viewer's name when a session expires. */
  readonly onExpired?: (viewer: string) => void
  /** Milliseconds between two checks whether the file has changed. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 500
const RETRY_MS = 2_000
const TOKEN_BYTES = 32

/**
 * The viewers in the book at `path`, which the commands `viewer invite` and `viewer revoke` change, too. While the book cannot be
 * read, nobody is let in and all sessions end.
 */
export async function openViewers(
  path: string,
  { onOutage, onFailure, onChange, onExpired, intervalMs = INTERVAL_MS }: ViewersOptions,
): Promise<Viewers> {
  const controllers = new Map<string, AbortController>()
  // sessions that logged out, and are still in the book: the disk may be full
  const loggedOut = new Set<string>()
  let retryAt = 0
  // viewers whose view is being stored: one write each at a time, so that none keeps the disk busy
  const keeping = new Set<string>()
  const { book, change, reloadIfChanged, failure, close } = followBook(path, {
    onOutage,
    onFailure,
    onChange: onChange && reportChange,
    onChecked: endSessions,
    intervalMs,
  })

  function reportChange(change: BookChange): void {
    if (change.kind !== 'revoked' || !loggedOut.has(change.session)) onChange?.(change)
  }

  function sessionWith(is: (one: ViewerSession) => boolean): ViewerSession | undefined {
    return book()?.sessions.find((one) => is(one) && !loggedOut.has(one.id))
  }

  function endSessions(): void {
    endInvalid()
    // if it fails, it is tried again
    if (loggedOut.size > 0 && performance.now() >= retryAt) void storeEnds().catch(() => {})
  }

  /** Ends the open sessions that are no longer in the book, or whose time is over. */
  function endInvalid(): void {
    const now = Date.now()
    for (const [id, controller] of controllers) {
      const session = sessionWith((one) => one.id === id)
      if (session && session.expires > now) continue
      controllers.delete(id)
      if (session) onExpired?.(session.name)
      controller.abort(session ? sessionExpired() : sessionEnded())
    }
  }

  /** Deletes the sessions that logged out from the book. */
  async function storeEnds(): Promise<void> {
    const ids = [...loggedOut]
    retryAt = performance.now() + RETRY_MS
    await change((before) => ({ book: ids.reduce(revokeViewer, before), result: undefined }))
    await reloadIfChanged()
    for (const id of ids) loggedOut.delete(id)
  }

  function toOpen(session: ViewerSession): OpenSession {
    const controller = controllers.get(session.id) ?? new AbortController()
    controllers.set(session.id, controller)
    return { ...session, ended: controller.signal }
  }

  function viewOf(name: string): string {
    return book()?.views.find((view) => view.name === name)?.query ?? ''
  }

  await reloadIfChanged()
  return {
    async trade(code) {
      const codeHash = hashOf(code)
      await reloadIfChanged()
      // looked up here first: a stranger's guesses must not wait for the lock, nor others for them
      if (!book()?.invites.some((invite) => invite.codeHash === codeHash)) return inviteInvalid()
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      const names = { id: randomUUID(), tokenHash: hashOf(token) }
      const session = await change((before) => {
        const traded = redeem(before, codeHash, names, Date.now())
        return { book: traded?.book ?? before, result: traded?.session ?? null }
      })
      await reloadIfChanged()
      if (!session || !book()) return inviteInvalid()
      return { session: toOpen(session), token }
    },

    find(token) {
      const tokenHash = hashOf(token)
      const session = sessionWith((one) => one.tokenHash === tokenHash)
      if (!session) return sessionEnded()
      return session.expires > Date.now() ? toOpen(session) : sessionExpired()
    },

    async end(id) {
      loggedOut.add(id)
      endInvalid()
      try {
        await storeEnds()
      } catch (error) {
        return sessionNotStored(error)
      } finally {
        await reloadIfChanged()
      }
      return null
    },

    viewOf,

    async keepView(name, query) {
      if (viewOf(name) === query) return null
      if (keeping.has(name)) return viewBusy()
      keeping.add(name)
      try {
        await change((before) => ({ book: keepView(before, name, query), result: undefined }))
        await reloadIfChanged()
      } catch (error) {
        return viewNotStored(error)
      } finally {
        keeping.delete(name)
      }
      return null
    },

    failure,
    close,
  }
}
