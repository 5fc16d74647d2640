import type { Book } from './book.ts'

/** What somebody else has changed in the book; times in milliseconds since the Unix epoch. */
export type BookChange =
  | { readonly kind: 'invited'; readonly viewer: string; readonly expires: number }
  | { readonly kind: 'withdrawn'; readonly viewer: string }
  | { readonly kind: 'revoked'; readonly viewer: string; readonly session: string }

/** Invites that are new, and invites and sessions that are gone before their time. An invite that became a session is neither. */
export function changesBetween(before: Book, after: Book, now: number): BookChange[] {
  const invites = new Set(after.invites.map(({ codeHash }) => codeHash))
  const sessions = new Set(after.sessions.map(({ id }) => id))
  const invitedBefore = new Set(before.invites.map(({ codeHash }) => codeHash))
  const openBefore = new Set(before.sessions.map(({ id }) => id))
  const loggedIn = new Set(
    after.sessions.filter(({ id }) => !openBefore.has(id)).map(({ name }) => name),
  )
  return [
    ...after.invites
      .filter(({ codeHash }) => !invitedBefore.has(codeHash))
      .map(({ name, expires }) => ({ kind: 'invited', viewer: name, expires }) as const),
    ...before.invites
      .filter(
        ({ codeHash, expires, name }) =>
          !invites.has(codeHash) && expires > now && !loggedIn.has(name),
      )
      .map(({ name }) => ({ kind: 'withdrawn', viewer: name }) as const),
    ...before.sessions
      .filter(({ id, expires }) => !sessions.has(id) && expires > now)
      .map(({ name, id }) => ({ kind: 'revoked', viewer: name, session: id }) as const),
  ]
}
