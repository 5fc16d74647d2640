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
  let longest = 0
  for (let number = 1, start = 0; start < file.length; number++) {
    const feed = file.indexOf(LF, start)
    if (feed === -1 && isIgnored(file.length - start, longest)) return
    const next = feed === -1 ? file.length : feed
    longest = Math.max(longest, next + 1 - start)
    let end = next
    while (end > start && isBlank(file[end - 1])) end -= 1
    yield { number, start, end }
    start = next + 1
  }
}

/**
 * Whether Mosquitto 2.0 never sees a last line of `length` bytes without LF, where no line before it takes more than
 * `longest` with its LF. It reads into a buffer of 256 bytes that grows by 1,000; a last line that fills it to the byte
 * is lost, even if it is a `deny`. Kept, because one file must mean the same to both; `acl lint` warns.
 */
function isIgnored(length: number, longest: number): boolean {
  return length % 1000 === 255 && longest <= length
}

/** Where a last line begins that Mosquitto never sees, or null. */
export function ignoredFrom(file: Buffer): number | null {
  const start = file.lastIndexOf(LF) + 1
  const read = linesOf(file).reduce((_, line) => line.start, -1)
  return start < file.length && read < start ? start : null
}
