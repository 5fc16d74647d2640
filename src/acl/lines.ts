import { HASH, isBlank, LF } from './ascii.ts'

/** A line of an ACL file; `start` and `end` are offsets in bytes. */
export interface AclLine {
  /** From 1. */
  readonly number: number
  readonly start: number
  /** Without trailing blanks, which is how a CRLF file loses its CRs; a comment and a line too long keep theirs. */
  readonly end: number
}

/** Bytes of the longest line that is read, comments aside: a filter may have 65,535. */
export const LONGEST_LINE = 2 ** 20

/**
 * Every line that Mosquitto reads: split at LF alone. It reads into a buffer of 256 bytes that grows by 1,000; a last
 * line without LF that fills it to the byte is lost, even if it is a `deny`. Kept, because one file must mean the
 * same to both; `acl lint` warns.
 */
export function* linesOf(file: Buffer): Generator<AclLine> {
  let longest = 0
  for (let number = 1, start = 0; start < file.length; number++) {
    const feed = file.indexOf(LF, start)
    const next = feed === -1 ? file.length : feed
    const length = next - start
    if (feed === -1 && length % 1000 === 255 && longest <= length) return
    longest = Math.max(longest, length + 1)
    let end = next
    if (file[start] !== HASH && length <= LONGEST_LINE)
      while (end > start && isBlank(file[end - 1])) end -= 1
    yield { number, start, end }
    start = next + 1
  }
}

/** Where a last line begins that Mosquitto 2.0 never sees, or null. */
export function ignoredFrom(file: Buffer): number | null {
  let seen: number | null = null
  for (const { start } of linesOf(file)) seen = start
  const last = file.lastIndexOf(LF) + 1
  return last < file.length && last !== seen ? last : null
}
