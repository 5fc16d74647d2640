import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'

/** One line of a mosquitto.conf, except comments and empty lines. */
export interface ConfLine {
  /** `FILE:LINE` */
  readonly at: string
  readonly name: string
  /** The text after the one space behind the name; later the value in normal form. */
  readonly value: string
  /** The scope of a `listener` or `connection` line ends with its file. */
  readonly file: string
}

/** The lines of a file, and which files could not be read. */
export interface ReadLines {
  readonly lines: readonly ConfLine[]
  readonly problems: readonly string[]
}

/** The lines of a mosquitto.conf and of the folders that it includes, in Mosquitto 2.0's order of reading. */
export function readLines(file: string): ReadLines {
  const problems: string[] = []
  const lines: ConfLine[] = []
  for (const line of linesOf(file, problems)) {
    if (line.name === 'include_dir') lines.push(...included(line, problems))
    else lines.push(line)
  }
  return { lines, problems }
}

/** As in Mosquitto, `#` begins a comment only as the first character, and only a space separates name and value. */
function parseLines(text: string, file: string): ConfLine[] {
  return text.split('\n').flatMap((raw, index) => {
    if (raw.startsWith('#') || raw.startsWith('\r')) return []
    const [, name, value = ''] = /^ *([^ ]+)(?: (.*))?$/s.exec(raw.replace(/\r+$/, '')) ?? []
    return name === undefined ? [] : [{ at: `${file}:${index + 1}`, name, value, file }]
  })
}

function linesOf(file: string, problems: string[]): ConfLine[] {
  try {
    return parseLines(readFileSync(file, 'utf8'), file)
  } catch (error) {
    problems.push(`${file}: ${unreadable(error)}`)
    return []
  }
}

function included({ at, value }: ConfLine, problems: string[]): ConfLine[] {
  let names: string[]
  try {
    names = readdirSync(value).filter((name) => name.endsWith('.conf') && name !== '.conf')
  } catch (error) {
    problems.push(`${at} include_dir ${shown(value)}: ${unreadable(error)}`)
    return []
  }
  return names.sort(mosquittoOrder).flatMap((name) => {
    const lines = linesOf(join(value, name), problems)
    const nested = lines.filter((line) => line.name === 'include_dir')
    for (const line of nested)
      problems.push(`${line.at} include_dir is only allowed in the main file; move this line there`)
    return lines.filter((line) => !nested.includes(line))
  })
}

/** The order 00, 01, A, a, B, b: case is ignored first, and for the same letter upper case comes first. */
function mosquittoOrder(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()]
  if (x !== y) return x < y ? -1 : 1
  return a < b ? -1 : 1
}

/** Shows blanks around the name, which Mosquitto takes as part of it. */
function shown(folder: string): string {
  return folder === folder.trim() ? folder : JSON.stringify(folder)
}

function unreadable(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOENT') return 'no such file or folder'
  if (code === 'EACCES') return 'this user has no permission to read it'
  return messageOf(error)
}
