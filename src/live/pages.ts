/**
 * A part of memory outside V8's heap. Bytes are only ever added to it, so what refers to them stays valid for as long as somebody
 * refers to the page. Only a page that nobody but the rows ever referred to is used again from its start.
 */
export interface Page {
  readonly bytes: Buffer
  /** The same bytes. */
  readonly doubles: Float64Array
  readonly integers: Int32Array
  /** Bytes in use, from the start of the page. */
  end: number
  /** Bytes of them that belong to rows. */
  live: number
  /** Whether somebody may refer to its bytes after their rows are gone. */
  isShared: boolean
}

/** Where a row is: `offset` is a multiple of 8. */
export interface Place {
  readonly page: Page
  readonly offset: number
}

export interface Pages {
  /** Reserves bytes, a multiple of 8, in a page. Returns the page; the bytes begin at its `end`, before `size` is added to it. */
  reserve(size: number): Page
  release(page: Page, size: number): void
  /**
   * The oldest page, to be emptied, if more than a third of all bytes belongs to no row; otherwise null. A full page becomes the
   * newest instead.
   */
  sparse(): Page | null
  /** Takes out a page whose rows have moved. */
  remove(page: Page): void
}

const PAGE_BYTES = 256 * 1024
/** A row with more bytes has a page of its own, so that little is left over at the end of other pages. */
const MOST_SHARED = PAGE_BYTES / 8
/** Unused bytes that are always allowed. */
const SLACK = 4 * PAGE_BYTES
/** Empty pages that are kept. A new one for each that is dropped would make V8 collect its whole heap several times a second. */
const MOST_SPARE = 4

export function createPages(): Pages {
  // oldest first
  const pages = new Set<Page>()
  const spare: Page[] = []
  let open = createPage(0)
  let size = 0
  let live = 0

  function add(bytes: number): Page {
    const page = (bytes === PAGE_BYTES ? spare.pop() : undefined) ?? createPage(bytes)
    pages.add(page)
    size += bytes
    return page
  }

  function remove(page: Page): void {
    if (!pages.delete(page)) return
    size -= page.bytes.length
    if (page.isShared || page.bytes.length !== PAGE_BYTES || spare.length === MOST_SPARE) return
    page.end = 0
    page.live = 0
    spare.push(page)
  }

  function pageFor(bytes: number): Page {
    if (bytes > MOST_SHARED) return add(bytes)
    if (open.end + bytes > open.bytes.length) {
      const full = open
      open = add(PAGE_BYTES)
      if (full.live === 0) remove(full)
    }
    return open
  }

  return {
    reserve(bytes) {
      const page = pageFor(bytes)
      page.end += bytes
      page.live += bytes
      live += bytes
      return page
    },
    release(page, bytes) {
      page.live -= bytes
      live -= bytes
      if (page.live === 0 && page !== open) remove(page)
    },
    sparse() {
      if (size <= live * 1.5 + SLACK) return null
      const [oldest] = pages
      if (!oldest || oldest === open) return null
      if (oldest.live < oldest.end) return oldest
      // nothing would be gained
      pages.delete(oldest)
      pages.add(oldest)
      return null
    },
    remove,
  }
}

function createPage(size: number): Page {
  const bytes = Buffer.allocUnsafeSlow(size)
  const { buffer } = bytes
  return {
    bytes,
    doubles: new Float64Array(buffer),
    integers: new Int32Array(buffer),
    end: 0,
    live: 0,
    isShared: false,
  }
}
