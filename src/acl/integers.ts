/** A growing list of 32-bit integers outside V8's heap: the garbage collector neither moves nor visits them. */
export interface Integers {
  readonly length: number
  push(value: number): void
  at(index: number): number
}

// a list that grows by pages is never copied as a whole
const PAGE_BITS = 16
const PAGE = 2 ** PAGE_BITS

export function createIntegers(): Integers {
  const pages: Int32Array[] = []
  let length = 0
  return {
    get length() {
      return length
    },
    push(value) {
      const page = pages[length >>> PAGE_BITS]
      if (page) page[length % PAGE] = value
      else pages.push(new Int32Array(PAGE).fill(value, 0, 1))
      length += 1
    },
    at: (index) => pages[index >>> PAGE_BITS]?.[index % PAGE] ?? 0,
  }
}
