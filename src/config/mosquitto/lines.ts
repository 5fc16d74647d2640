import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from '../../errors.ts'

/** One line of a mosquitto.conf that says something. */
export interface Line {
  /** `FILE:LINE` */
  readonly at: string
  readonly name: string
  readonly value: string
  /** What a `listener` or `connection` line begins ends with its file. */
  readonly file: string
}

export interface ReadLines {
  readonly lines: readonly Line[]
  readonly problems: readonly string[]
}

/** The lines of a mosquitto.conf and of the folders that it includes, in the order in which Mosquitto 2.0 reads them. */
export function readLines(file: string): ReadLines {
  const problems: string[] = []
  const lines: Line[] = []
  for (const line of linesOf(file, problems)) {
    if (line.name === 'include_dir') lines.push(...included(line, problems))
    else lines.push(line)
  }
  return { lines, problems }
}

/** `#` makes a comment only as the very first character, and only a space parts name and value, as in Mosquitto. */
export function parseLines(text: string, file: string): Line[] {
  return text.split('\n').flatMap((raw, index) => {
    if (raw.startsWith('#')) return []
    const line = raw.replace(/[ \t\r]+$/, '').replace(/^ +/, '')
    const [, name = '', value = ''] = /^([^ ]*) *(.*)$/.exec(line) ?? []
    return name === '' ? [] : [{ at: `${file}:${index + 1}`, name, value, file }]
  })
}

/** What Mosquitto takes a switch to say; undefined where it stops at the line. */
export function switched(value: string): boolean | undefined {
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : undefined
}

function linesOf(file: string, problems: string[]): Line[] {
  try {
    return parseLines(readFileSync(file, 'utf8'), file)
  } catch (error) {
    problems.push(`${file}: ${unreadable(error)}`)
    return []
  }
}

function included({ at, value }: Line, problems: string[]): Line[] {
  let names: string[]
  try {
    names = readdirSync(value).filter((name) => name.endsWith('.conf') && name !== '.conf')
  } catch (error) {
    problems.push(`${at} include_dir ${value}: ${unreadable(error)}`)
    return []
  }
  return names.sort(mosquittoOrder).flatMap((name) => {
    const lines = linesOf(join(value, name), problems)
    const nested = lines.filter((line) => line.name === 'include_dir')
    for (const line of nested)
      problems.push(`${line.at} include_dir is read from the main file only; move this line there`)
    return lines.filter((line) => !nested.includes(line))
  })
}

/** 00, 01, A, a, B, b: whatever the case first, and of the same letter the upper case first. */
function mosquittoOrder(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()]
  if (x !== y) return x < y ? -1 : 1
  return a < b ? -1 : 1
}

function unreadable(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOENT') return 'there is no such file or folder'
  if (code === 'EACCES') return 'this user may not read it'
  return messageOf(error)
}
