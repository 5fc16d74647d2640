import { stateOf } from '../disk/state.ts'
import { watchFile } from '../disk/watched-file.ts'
import { messageOf } from '../errors.ts'
import type { Book } from './book.ts'
import { changeBook, EMPTY, readBook } from './book-file.ts'
import { type BookChange, changesBetween } from './changes.ts'

/** The book in a file that other programs change, too. */
export interface FollowedBook {
  /** Null while it cannot be read, or if there is none yet. */
  book(): Book | null
  /** Makes the next book, in the file. The gateway's own changes are made one at a time. */
  change<T>(toNext: (book: Book) => { readonly book: Book; readonly result: T }): Promise<T>
  reloadIfChanged(): Promise<void>
  /** Why the book cannot be used; null when it can. */
  failure(): string | null
  close(): void
}

export interface FollowOptions {
  /** Called when the file cannot be used, and with null when it can again. */
  readonly onOutage: (reason: string | null) => void
  /** Called for every attempt to read it that fails. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** Called for each change in the book. */
  readonly onChange?: ((change: BookChange) => void) | undefined
  /** Called after each check of the file. */
  onChecked(): void
  /** Milliseconds between two checks. */
  readonly intervalMs: number
}

export function followBook(
  path: string,
  { onOutage, onFailure, onChange, onChecked, intervalMs }: FollowOptions,
): FollowedBook {
  let book: Book | null = null
  // the last one that could be read
  let known: Book | null = null
  let outage: string | null = null
  let changing: Promise<unknown> = Promise.resolve()

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
    for (const change of changes) onChange?.(change)
  }

  function noteOutage(reason: string | null): void {
    if (reason !== outage) onOutage(reason)
    outage = reason
  }

  const watched = watchFile({ load, intervalMs, onFailure, onChecked, state: () => stateOf(path) })
  return {
    book: () => book,
    change(toNext) {
      // each change that waits for the lock would keep its file open
      const changed = changing.then(() => changeBook(path, Date.now(), toNext))
      changing = changed.catch(() => {})
      return changed
    },
    reloadIfChanged: watched.reloadIfChanged,
    failure: watched.failure,
    close: watched.close,
  }
}
