/** A word of a line; `column` counts UTF-16 code units from 1, as editors do. */
export interface Word {
  readonly text: string
  readonly column: number
}

const BLANK = /[ \t]/

/** The words of a line, some of them in double quotes, up to a comment. Throws a Fault. */
export function wordsOf(line: string): Word[] {
  const words: Word[] = []
  let at = 0
  for (;;) {
    while (at < line.length && BLANK.test(line[at] as string)) at += 1
    if (at === line.length || line[at] === '#') return words
    const start = at
    if (line[at] === '"') {
      const { text, end } = quotedAt(line, at)
      words.push({ text, column: start + 1 })
      at = end
    } else {
      while (at < line.length && !BLANK.test(line[at] as string)) at += 1
      words.push({ text: line.slice(start, at), column: start + 1 })
    }
  }
}

/** What is wrong with a line, and where. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly column: number

  constructor(message: string, column: number) {
    super(message)
    this.column = column
  }
}

function quotedAt(line: string, start: number): { text: string; end: number } {
  let text = ''
  for (let at = start + 1; at < line.length; at++) {
    const character = line[at] as string
    if (character === '\\' && (line[at + 1] === '"' || line[at + 1] === '\\')) {
      at += 1
      text += line[at]
    } else if (character !== '"') text += character
    else if (at + 1 === line.length || BLANK.test(line[at + 1] as string))
      return { text, end: at + 1 }
    else throw new Fault('a space must follow the closing quote', at + 2)
  }
  throw new Fault('the closing quote is missing', start + 1)
}
