import { randomBytes, randomUUID } from 'node:crypto'
import { stateOf } from '../disk/state.ts'
import { watchFile } from '../disk/watched-file.ts'
import { type GatewayError, messageOf } from '../errors.ts'
import { type Book, keepView, redeem, revokeViewer, type ViewerSession } from './book.ts'
import { changeBook, EMPTY, readBook } from './book-file.ts'
import { type BookChange, changesBetween } from './changes.ts'
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

export interface Viewers {
  /** Trades a one-time code for a session and its token. */
  trade(code: string): Promise<{ session: OpenSession; token: string } | GatewayError>
  /** The session of a token. */
  find(token: string): OpenSession | GatewayError
  /** Logs out at once; resolves to why that is not stored yet, or null. Storing it is tried again until it works. */
  end(id: string): Promise<GatewayError | null>
  /** The query of what the viewer `name` sees first; empty for everything. */
  viewOf(name: string): string
  /** Makes it another one; resolves to why that could not be stored, or null. */
  keepView(name: string, query: string): Promise<GatewayError | null>
  /** Why the book cannot be used; null when it can. */
  failure(): string | null
  close(): void
}

export interface ViewersOptions {
  /** Told when the file cannot be used, and null when it can again. */
  readonly onOutage: (reason: string | null) => void
  /** Told of every attempt to read it that fails. */
  readonly onFailure?: (error: unknown) => void
  /** Told of what others change in it. */
  readonly onChange?: (change: BookChange) => void
  /** Told the viewer's name when a session expires. */
  readonly onExpired?: (viewer: string) => void
  /** How often to look whether the file has changed, in milliseconds. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 500
const RETRY_MS = 2_000
const TOKEN_BYTES = 32

/**
 * The viewers in the book at `path`, which `viewer invite` and `viewer revoke` change from outside. Nobody is let in, and
 * everybody out, while it cannot be read.
 */
export async function openViewers(
  path: string,
  { onOutage, onFailure, onChange, onExpired, intervalMs = INTERVAL_MS }: ViewersOptions,
): Promise<Viewers> {
  let book: Book | null = null
  // the last one that could be read
  let known: Book | null = null
  let outage: string | null = null
  const controllers = new Map<string, AbortController>()
  // sessions that logged out while the disk was full, say: the book still has them
  const loggedOut = new Set<string>()
  let retryAt = 0
  // whose view is being stored: one at a time, so that nobody keeps the disk busy
  const keeping = new Set<string>()

  async function load(): Promise<void> {
    try {
      book = await readBook(path)
      noteChanges(book ?? EMPTY)
    } catch (error) {
      book = null
      noteOutage(messageOf(error))
      throw error
    }
    noteOutage(null)
  }

  function noteChanges(next: Book): void {
    const changes = known && onChange ? changesBetween(known, next, Date.now()) : []
    known = next
    for (const change of changes)
      if (change.kind !== 'revoked' || !loggedOut.has(change.session)) onChange?.(change)
  }

  function noteOutage(found: string | null): void {
    if (found !== outage) onOutage(found)
    outage = found
  }

  /** Ends the open sessions that are no longer in the book, or whose time is over. */
  function endSome(): void {
    const now = Date.now()
    for (const [id, controller] of controllers) {
      const session = sessionIn(book, (one) => one.id === id)
      if (session && session.expires > now) continue
      controllers.delete(id)
      if (session) onExpired?.(session.name)
      controller.abort(session ? sessionExpired() : sessionEnded())
    }
  }

  function sessionIn(
    from: Book | null,
    is: (one: ViewerSession) => boolean,
  ): ViewerSession | undefined {
    return from?.sessions.find((one) => is(one) && !loggedOut.has(one.id))
  }

  function viewOf(name: string): string {
    return book?.views.find((view) => view.name === name)?.query ?? ''
  }

  let changing: Promise<unknown> = Promise.resolve()
  /** One at a time: each change that waits for the lock would keep its file open. */
  function change<T>(work: Parameters<typeof changeBook<T>>[2]): Promise<T> {
    const changed = changing.then(() => changeBook(path, Date.now(), work))
    changing = changed.catch(() => {})
    return changed
  }

  function opened(session: ViewerSession): OpenSession {
    let controller = controllers.get(session.id)
    if (!controller) {
      controller = new AbortController()
      controllers.set(session.id, controller)
    }
    return { ...session, ended: controller.signal }
  }

  /** Deletes the sessions that logged out from the book. */
  async function storeEnds(): Promise<void> {
    const ids = [...loggedOut]
    retryAt = performance.now() + RETRY_MS
    await change((before) => ({ book: ids.reduce(revokeViewer, before), result: undefined }))
    await watched.reloadIfChanged()
    for (const id of ids) loggedOut.delete(id)
  }

  function looked(): void {
    endSome()
    // where it fails, it is tried again
    if (loggedOut.size > 0 && performance.now() >= retryAt) void storeEnds().catch(() => {})
  }

  const watched = watchFile({
    load,
    intervalMs,
    onFailure,
    onChecked: looked,
    state: () => stateOf(path),
  })
  await watched.reloadIfChanged()

  return {
    async trade(code) {
      const hash = hashOf(code)
      await watched.reloadIfChanged()
      // looked up here first: a stranger's guesses must not wait for the lock, nor others for them
      if (!book?.invites.some(({ codeHash }) => codeHash === hash)) return inviteInvalid()
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      const named = { id: randomUUID(), tokenHash: hashOf(token) }
      const session = await change((before) => {
        const traded = redeem(before, hash, named, Date.now())
        return { book: traded?.book ?? before, result: traded?.session ?? null }
      })
      await watched.reloadIfChanged()
      if (!session || !book) return inviteInvalid()
      return { session: opened(session), token }
    },

    find(token) {
      const hash = hashOf(token)
      const session = sessionIn(book, (one) => one.tokenHash === hash)
      if (!session) return sessionEnded()
      return session.expires > Date.now() ? opened(session) : sessionExpired()
    },

    async end(id) {
      loggedOut.add(id)
      endSome()
      try {
        await storeEnds()
      } catch (error) {
        return sessionNotStored(error)
      } finally {
        await watched.reloadIfChanged()
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
        await watched.reloadIfChanged()
      } catch (error) {
        return viewNotStored(error)
      } finally {
        keeping.delete(name)
      }
      return null
    },

    failure: watched.failure,
    close: watched.close,
  }
}
