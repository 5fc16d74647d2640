import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from '../ca/layout.ts'
import { exists } from '../disk/exists.ts'
import { makePrivateDirectory, PRIVATE_FILE, replaceFile } from '../disk/files.ts'
import { messageOf, UsageError } from '../errors.ts'
import { EMPTY_BOOK, type EnrolBook, formatEnrolBook, parseEnrolBook } from './book.ts'

const SECRET_BYTES = 32

function bookOf({ directory }: Layout): string {
  return join(directory, 'enrol', 'book.json')
}

/** Reads the invites and waiting keys. Rejects with `UsageError` when the file is damaged. */
export async function readEnrolBook(layout: Layout): Promise<EnrolBook> {
  const path = bookOf(layout)
  if (!exists(path)) return EMPTY_BOOK
  const text = await readFile(path, 'utf8')
  try {
    return parseEnrolBook(text)
  } catch (error) {
    throw new UsageError(
      `${path} cannot be used: ${messageOf(error)}; restore a copy, or move it away, which ends all invites`,
      { cause: error },
    )
  }
}

/** Call it under the directory's lock. */
export async function writeEnrolBook(layout: Layout, book: EnrolBook): Promise<void> {
  makePrivateDirectory(join(layout.directory, 'enrol'))
  await replaceFile({ path: bookOf(layout), text: formatEnrolBook(book), mode: PRIVATE_FILE })
}

/** The secret that fallback and claim tokens are derived from; created by the first call. Call it under the directory's lock. */
export async function ensureSecret({ directory }: Layout): Promise<Buffer> {
  const folder = join(directory, 'enrol')
  const path = join(folder, 'secret')
  if (!exists(path)) {
    makePrivateDirectory(folder)
    const text = `${randomBytes(SECRET_BYTES).toString('hex')}\n`
    await replaceFile({ path, text, mode: PRIVATE_FILE })
  }
  const secret = Buffer.from((await readFile(path, 'utf8')).trim(), 'hex')
  if (secret.length === SECRET_BYTES) return secret
  throw new UsageError(
    `${path} is damaged: restore a copy, or delete it, which makes the fallback tokens of all devices invalid`,
  )
}
