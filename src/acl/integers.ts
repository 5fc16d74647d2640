/** A growing list of 32-bit integers outside V8's heap: the garbage collector neither moves nor visits them. */
export interface Integers {
  readonly length: number
  push(value: number): void
  at(index: number): number
}

// a list that grows by pages is never copied as a whole; only its first page grows
const PAGE_BITS = 16
const PAGE = 2 ** PAGE_BITS
const SMALLEST_PAGE = 64

export function createIntegers(): Integers {
  const pages: Int32Array[] = []
  let length = 0
  return {
    get length() {
      return length
    },
    push(value) {
      const last = length >>> PAGE_BITS
      const at = length % PAGE
      let page = pages[last]
      if (page === undefined || at === page.length) {
        page = longer(page, last > 0 ? PAGE : SMALLEST_PAGE)
        pages[last] = page
      }
      page[at] = value
      length += 1
    },
    at: (index) => pages[index >>> PAGE_BITS]?.[index % PAGE] ?? 0,
  }
}

function longer(page: Int32Array | undefined, first: number): Int32Array {
  if (page === undefined) return new Int32Array(first)
  const copy = new Int32Array(2 * page.length)
  copy.set(page)
  return copy
}
