/** Bytes of the longest text that is remembered. */
const LONGEST = 64
/** How many texts are remembered: 64 KiB of them at most. */
const SLOTS = 1024

/**
 * Makes texts of ASCII bytes. Topics and the names of properties come again and again: to compare them with the text that was
 * made before takes less time than to make another, and a Map finds a text that it holds itself sooner than an equal one.
 */
export interface Texts {
  /** `hash` is any number that is the same for the same bytes. */
  of(bytes: Buffer, start: number, end: number, hash: number): string
}

export function createTexts(): Texts {
  const known: (string | undefined)[] = Array.from({ length: SLOTS })

  return {
    of(bytes, start, end, hash) {
      if (end - start > LONGEST) return bytes.toString('latin1', start, end)
      const slot = hash & (SLOTS - 1)
      const before = known[slot]
      if (before !== undefined && isSame(before, bytes, start, end)) return before
      const text = bytes.toString('latin1', start, end)
      known[slot] = text
      return text
    },
  }
}

function isSame(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let index = 0; index < text.length; index++)
    if (text.charCodeAt(index) !== bytes[start + index]) return false
  return true
}
