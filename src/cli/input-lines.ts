import { isUtf8 } from 'node:buffer'

export interface InputLine {
  /** From 1. */
  readonly number: number
  readonly text: string
  /** Why there is no text. */
  readonly problem: string | null
}

const LF = 0x0a

/**
 * The lines of `input`, yielded in groups that arrive together. Splits at LF only: `node:readline` also splits at U+2028, which
 * JSON may contain. Never holds more than `longest` bytes of a line.
 */
export async function* linesIn(
  input: AsyncIterable<Buffer>,
  longest: number,
): AsyncGenerator<InputLine[]> {
  let number = 0
  let begun: Buffer[] = []
  let size = 0

  function add(piece: Buffer): void {
    size += piece.length
    if (size <= longest) begun.push(piece)
    else begun = []
  }

  function finish(): InputLine {
    const bytes = begun.length === 1 ? (begun[0] as Buffer) : Buffer.concat(begun)
    const problem = size > longest ? `the line is longer than ${longest} bytes` : utf8Problem(bytes)
    begun = []
    size = 0
    number += 1
    return { number, text: problem === null ? bytes.toString('utf8') : '', problem }
  }

  for await (const chunk of input) {
    const lines: InputLine[] = []
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      add(chunk.subarray(start, end))
      lines.push(finish())
      start = end + 1
    }
    if (start < chunk.length) add(chunk.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (size > 0) yield [finish()]
}

function utf8Problem(bytes: Buffer): string | null {
  return isUtf8(bytes) ? null : 'the line is not UTF-8'
}
