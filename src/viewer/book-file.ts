import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exists } from '../disk/exists.ts'
import { PRIVATE_FILE, replaceFile } from '../disk/files.ts'
import { withLock } from '../disk/lock.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { type Book, formatBook, parseBook, tidy } from './book.ts'

/** Of a gateway that has invited nobody yet. */
export const EMPTY: Book = { invites: [], sessions: [], views: [] }

/** The book at `path`; null when there is none yet. Rejects with a UsageError when it cannot be read. */
export async function readBook(path: string): Promise<Book | null> {
  try {
    return parseBook(await readFile(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    if (codeOf(error) === 'EACCES')
      throw new UsageError(
        `this user has no permission to read ${path}: it must belong to the user that runs the gateway`,
        { cause: error },
      )
    throw new UsageError(
      `${path} cannot be used: ${messageOf(error)}; restore a copy, or move it away, which logs everybody out`,
      { cause: error },
    )
  }
}

/**
 * Makes the next book of the one at `path`, while nobody else changes it. Resolves with the result of `change`. Rejects with
 * a UsageError where its folder does not exist.
 */
export async function changeBook<T>(
  path: string,
  now: number,
  change: (book: Book) => { readonly book: Book; readonly result: T },
): Promise<T> {
  const folder = dirname(path)
  if (!exists(folder))
    throw new UsageError(
      `the folder ${folder} does not exist: name the gateway's WOTT_VIEWERS_FILE, or create the folder first`,
    )
  return withLock(`${path}.lock`, async () => {
    const before = (await readBook(path)) ?? EMPTY
    const { book, result } = change(tidy(before, now))
    if (book !== before)
      await replaceFile({ path, text: formatBook(tidy(book, now)), mode: PRIVATE_FILE })
    return result
  })
}
