import { readJson } from '../disk/json.ts'
import { UsageError } from '../errors.ts'

/** Who was invited to look, who is looking, and what they see first. Times in milliseconds since the Unix epoch. */
export interface Book {
  readonly invites: readonly ViewerInvite[]
  readonly sessions: readonly ViewerSession[]
  readonly views: readonly View[]
}

/** An invite that nobody has used yet. Times are in milliseconds since the Unix epoch. */
export interface ViewerInvite {
  /** The ACL user that the viewer becomes. */
  readonly name: string
  /** SHA-256 of the code, in base64url: whoever reads the file cannot use it. */
  readonly codeHash: string
  /** When the code ends. */
  readonly expires: number
  /** How long the session lasts that the code is traded for, in milliseconds. */
  readonly lasts: number
}

/** A session of a viewer. Times are in milliseconds since the Unix epoch. */
export interface ViewerSession {
  /** Names the session, and is not a secret. */
  readonly id: string
  /** SHA-256 of the token in the cookie, in base64url: whoever reads the file cannot use it. */
  readonly tokenHash: string
  readonly name: string
  readonly created: number
  readonly expires: number
}

/** What a viewer sees who opens the dashboard without a query. It stays when their sessions end. */
export interface View {
  readonly name: string
  /** The query of the dashboard's address, without its "?". */
  readonly query: string
}

/** Of each kind; beyond them the oldest are deleted. */
const MOST = 1000
/** Of one viewer, so that nobody pushes out others. */
const MOST_OF_ONE = 20

/** Without what has expired by `now`, and within the bounds. */
export function tidy(book: Book, now: number): Book {
  const alive = ({ expires }: { readonly expires: number }) => expires > now
  return {
    invites: bounded(book.invites.filter(alive)),
    sessions: bounded(book.sessions.filter(alive)),
    views: book.views.slice(-MOST),
  }
}

/** Keeps the youngest ones of each viewer, and of all. */
function bounded<T extends { readonly name: string }>(entries: readonly T[]): readonly T[] {
  const count = new Map<string, number>()
  const kept = entries.toReversed().filter(({ name }) => {
    const before = count.get(name) ?? 0
    count.set(name, before + 1)
    return before < MOST_OF_ONE
  })
  return kept.slice(0, MOST).toReversed()
}

/** Trades the invite with this hash for a session; null when there is none, or it came too late. */
export function redeem(
  book: Book,
  codeHash: string,
  { id, tokenHash }: Pick<ViewerSession, 'id' | 'tokenHash'>,
  now: number,
): { readonly book: Book; readonly session: ViewerSession } | null {
  const invite = book.invites.find((one) => one.codeHash === codeHash && one.expires > now)
  if (!invite) return null
  const { name, lasts } = invite
  const session: ViewerSession = { id, tokenHash, name, created: now, expires: now + lasts }
  const invites = book.invites.filter((one) => one !== invite)
  return { book: { ...book, invites, sessions: [...book.sessions, session] }, session }
}

/** With this as the first view of the viewer `name`; an empty query deletes it. */
export function keepView(book: Book, name: string, query: string): Book {
  const others = book.views.filter((view) => view.name !== name)
  return { ...book, views: query === '' ? others : [...others, { name, query }] }
}

/** Without the invites, sessions and view of the viewer `who`, or without the session of that id. */
export function revokeViewer(book: Book, who: string): Book {
  return {
    invites: book.invites.filter(({ name }) => name !== who),
    sessions: book.sessions.filter(({ name, id }) => name !== who && id !== who),
    views: book.views.filter(({ name }) => name !== who),
  }
}

// what a `user` line of the ACL file can hold, without characters that are special in a log or a page
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,252}$/

/** Whether somebody can be invited by this name. */
export function isViewerName(name: string): boolean {
  return NAME.test(name)
}

const INVITE = { name: 'string', codeHash: 'string', expires: 'number', lasts: 'number' }
const SESSION = { id: 'string', name: 'string', created: 'number', expires: 'number' }
const VIEW = { name: 'string', query: 'string' }

/**
 * Throws a UsageError for a text that is not a book. Sessions of older gateways, whose cookies were signed, have ended; books of
 * older gateways have no views.
 */
export function parseBook(text: string): Book {
  const book = { views: [], ...(readJson(text) as Partial<Book> | null) }
  if (!isList(book.invites, INVITE) || !isList(book.sessions, SESSION) || !isList(book.views, VIEW))
    throw new UsageError('it is not a viewers file, or it is damaged')
  const { invites, sessions, views } = book as Book
  const open = sessions.filter(({ tokenHash }) => typeof tokenHash === 'string')
  return { invites, sessions: open, views }
}

/** The text of the viewers file. */
export function formatBook(book: Book): string {
  return `${JSON.stringify(book, null, 2)}\n`
}

function isList(value: unknown, fields: Readonly<Record<string, string>>): boolean {
  if (!Array.isArray(value)) return false
  return value.every(
    (entry: unknown) =>
      typeof entry === 'object' &&
      entry !== null &&
      Object.entries(fields).every(
        ([name, type]) => typeof (entry as Record<string, unknown>)[name] === type,
      ),
  )
}
