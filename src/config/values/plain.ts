import { resolve } from 'node:path'
import { type Parse, parse } from './parse.ts'

/** A whole number. */
export function integer(min: number, max: number): Parse<number> {
  return wholeNumber(min, max, 1)
}

/** A whole number of seconds, read as milliseconds. */
export function secondsAsMs(min: number, max: number): Parse<number> {
  return wholeNumber(min, max, 1000)
}

function wholeNumber(min: number, max: number, factor: number): Parse<number> {
  const read = (text: string) => {
    const value = Number(text)
    return /^\d+$/.test(text) && value >= min && value <= max ? value * factor : undefined
  }
  const range = { least: String(min), most: String(max) }
  return parse('N', `a whole number from ${min} to ${max}`, read, range)
}

const BYTE_UNITS = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** A larger size is probably a typing error. */
const MOST_BYTES = 64 * BYTE_UNITS.GiB

/** A size such as `131072`, `128KiB` or `1MiB`, in bytes. */
export function bytes(min: number, max = MOST_BYTES): Parse<number> {
  const allowed = `a size from ${bytesText(min)} to ${bytesText(max)}, such as 1048576 or 1MiB`
  const read = (text: string) => {
    const [, digits, unit] = /^(\d+) ?(B|KiB|MiB|GiB)?$/.exec(text) ?? []
    const value = Number(digits) * BYTE_UNITS[(unit ?? '') as keyof typeof BYTE_UNITS]
    return value >= min && value <= max ? value : undefined
  }
  return parse('SIZE', allowed, read, { least: bytesText(min), most: bytesText(max) })
}

function bytesText(value: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const)
    if (value >= BYTE_UNITS[unit] && value % BYTE_UNITS[unit] === 0)
      return `${value / BYTE_UNITS[unit]}${unit}`
  return String(value)
}

/** The longest list of choices in a line of `--help`. */
const LONGEST_FORM = 32

/** One of these words. */
export function choice<const T extends string>(...allowed: readonly T[]): Parse<T> {
  const form = allowed.join('|')
  return parse(
    form.length <= LONGEST_FORM ? form : 'NAME',
    `one of ${allowed.join(', ')}`,
    (text) => allowed.find((value) => value === text),
  )
}

/** `on` or `off`, as true or false. */
export const onOff: Parse<boolean> = parse('on|off', 'one of on, off', (text) =>
  text === 'on' || text === 'off' ? text === 'on' : undefined,
)

/** Some of the given words, separated by commas. */
export function listOf<const T extends string>(...allowed: readonly T[]): Parse<readonly T[]> {
  return parse('NAMES', `one or more of ${allowed.join(', ')}, separated by commas`, (text) => {
    const found = text.split(/ *, */).map((name) => allowed.find((value) => value === name))
    return found.every((name) => name !== undefined) ? found : undefined
  })
}

/** Text with a limited number of characters, unchanged. */
export function text(min: number, max: number): Parse<string> {
  return parse('TEXT', `text of ${min} to ${max} characters`, (text) =>
    text.length >= min && text.length <= max ? text : undefined,
  )
}

/** A file or folder, made absolute against the working directory. */
export const path: Parse<string> = parse('PATH', 'the path of a file or folder', (text) =>
  // an empty path would be the working directory
  text === '' ? undefined : resolve(text),
)
