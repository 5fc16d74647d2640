import { isBlank, LF } from './ascii.ts'

export interface Line {
  /** From 1. */
  readonly number: number
  readonly start: number
  /** Without trailing blanks, which is how a CRLF file loses its CRs. */
  readonly end: number
}

/** Every line that Mosquitto reads: split at LF alone. */
export function* linesOf(file: Buffer): Generator<Line> {
  const stop = ignoredFrom(file) ?? file.length
  for (let number = 1, start = 0; start < stop; number++) {
    const feed = file.indexOf(LF, start)
    const next = feed === -1 ? stop : feed
    let end = next
    while (end > start && isBlank(file[end - 1])) end -= 1
    yield { number, start, end }
    start = next + 1
  }
}

/**
 * Where a last line begins that Mosquitto 2.0 never sees, or null. It reads into a buffer of 256 bytes that grows
 * by 1,000; a last line without LF that fills it to the byte is lost, even if it is a `deny`. Kept, because one
 * file must mean the same to both; `acl lint` warns.
 */
export function ignoredFrom(file: Buffer): number | null {
  const start = file.lastIndexOf(LF) + 1
  const length = file.length - start
  if (length % 1000 !== 255) return null
  for (let at = 0; at < start; ) {
    const next = file.indexOf(LF, at) + 1
    if (next - at > length) return null
    at = next
  }
  return start
}
