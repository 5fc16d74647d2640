import { createHash, randomBytes } from 'node:crypto'
import { UsageError } from '../errors.ts'
import { isViewerName } from './book.ts'
import { changeBook } from './book-file.ts'

/** How long a code can be traded, in milliseconds: long enough to be sent, short enough to be forgotten in a mailbox. */
export const INVITE_LASTS = 24 * 3600 * 1000

/** Invites `name`, for a session of `lasts` milliseconds, and resolves with the one-time code. */
export async function inviteViewer(
  path: string,
  name: string,
  lasts: number,
  now = Date.now(),
): Promise<string> {
  if (!isViewerName(name))
    throw new UsageError(
      `${JSON.stringify(name)} cannot be the name of a viewer: use letters, digits and . _ @ - , as in the "user" line of the ACL file`,
    )
  const code = randomBytes(18).toString('base64url')
  const invite = { name, codeHash: hashOf(code), expires: now + INVITE_LASTS, lasts }
  await changeBook(path, now, (book) => ({
    book: { ...book, invites: [...book.invites, invite] },
    result: undefined,
  }))
  return code
}

/** SHA-256 in base64url, of a code or a token. */
export function hashOf(code: string): string {
  return createHash('sha256').update(code).digest('base64url')
}
