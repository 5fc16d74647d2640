import type { Flag, Flags } from './arguments.ts'

/** A word or flag on the left, its description on the right. */
export type HelpLine = readonly [name: string, text: string]

export interface Help {
  /** The text after `wott-gateway`; a line for each form of the command. */
  readonly usage: readonly string[]
  /** Paragraphs. */
  readonly about: readonly string[]
  readonly words?: readonly HelpLine[]
  readonly flags?: Flags
  /** Whole command lines to type. */
  readonly examples: readonly string[]
}

const WIDTH = 80
const WIDEST_NAME = 24

/** What `wott-gateway COMMAND --help` prints. */
export function helpText({ usage, about, words = [], flags = {}, examples }: Help): string {
  const ways = usage.map((way, n) => `${n === 0 ? 'Usage:' : '      '} wott-gateway ${way}`)
  const options = Object.entries(flags).map(([name, flag]) => toEntry(name, flag))
  return [
    ways.join('\n'),
    ...about.map((paragraph) => wrap(paragraph, '')),
    ...(words.length > 0 ? [columns(words)] : []),
    ...(options.length > 0 ? [`Options:\n${columns(options)}`] : []),
    `Examples:\n${examples.map((example) => `  ${example}`).join('\n')}`,
  ].join('\n\n')
}

/** Names and texts side by side; a text goes below a name that is too long. */
export function columns(entries: readonly HelpLine[]): string {
  const widest = Math.max(...entries.map(([name]) => name.length).filter((n) => n <= WIDEST_NAME))
  const indent = ' '.repeat(widest + 4)
  return entries
    .map(([name, text]) => {
      const wrapped = wrap(text, indent)
      return name.length > WIDEST_NAME
        ? `  ${name}\n${wrapped}`
        : `  ${name.padEnd(widest + 2)}${wrapped.trimStart()}`
    })
    .join('\n')
}

/** Lines of at most 80 columns, each after `indent`. */
export function wrap(text: string, indent: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line].join('\n')
}

function toEntry(name: string, flag: Flag): HelpLine {
  const value = flag.value === undefined ? '' : ` ${flag.value}`
  const usual = flag.default === undefined ? '' : ` [${flag.default}]`
  return [`--${name}${value}`, flag.help + usual]
}
