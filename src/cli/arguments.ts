import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { UsageError } from '../errors.ts'
import { didYouMean } from './suggest.ts'

/** A flag of a command: how it is read, and what `--help` says of it. */
export interface Flag {
  readonly type: 'string' | 'boolean'
  /** May be given more than once. */
  readonly multiple?: boolean
  readonly default?: string
  /** The placeholder for its value in `--help`. */
  readonly value?: string
  readonly help: string
}

export type Flags = Readonly<Record<string, Flag>>

type Value<F extends Flag> = F extends { readonly type: 'boolean' }
  ? boolean
  : F extends { readonly multiple: true }
    ? string[]
    : F extends { readonly default: string }
      ? string
      : string | undefined

export type ArgumentValues<F extends Flags> = { readonly [N in keyof F]: Value<F[N]> }

/** An incomplete or wrong command line; the usage is printed with it. */
export class ArgumentsError extends UsageError {}

/**
 * Reads the words and flags of a command. Throws one ArgumentsError with every problem. A word may be a negative number, such
 * as a temperature; other words that begin with a dash must follow `--`.
 */
export function readArguments<const F extends Flags>(
  args: readonly string[],
  flags: F,
): { readonly values: ArgumentValues<F>; readonly words: string[] } {
  const { tokens } = parseArgs({
    args: [...args],
    options: typesOf(flags),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values = defaultsOf(flags)
  const words: string[] = []
  const problems = new Set<string>()
  const given = new Set<string>()
  let last = -1
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue, index } = token
    const written = args[index] ?? rawName
    const flag = Object.hasOwn(flags, name) && rawName.startsWith('--') ? flags[name] : undefined
    if (flag) {
      const problem = valueProblem(flag, value, inlineValue)
      if (problem) problems.add(`${rawName} ${problem}`)
      else if (given.has(name) && !flag.multiple) problems.add(`${rawName} is given twice`)
      else if (flag.multiple) (values[name] as string[]).push(value as string)
      else values[name] = value ?? true
      given.add(name)
    } else if (!NEGATIVE_NUMBER.test(written)) problems.add(unknown(written, flags))
    else if (index !== last) words.push(written)
    last = index
  }
  if (problems.size > 0) throw new ArgumentsError([...problems].join('\n'))
  return { values: values as ArgumentValues<F>, words }
}

/** Throws an ArgumentsError unless every word of `needed` is given, and no more than those of `optional` in addition. */
export function requireWords(
  words: readonly string[],
  needed: readonly string[],
  optional: readonly string[] = [],
): void {
  const missing = needed.slice(words.length)
  if (missing.length > 0)
    throw new ArgumentsError(
      `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
    )
  const extra = words.slice(needed.length + optional.length)
  if (extra.length > 0)
    throw new ArgumentsError(
      `too many arguments: ${extra.map((word) => JSON.stringify(word)).join(' ')}; put an argument with spaces in quotes`,
    )
}

/** Throws an ArgumentsError if there are words; for a single word that is a file it suggests `flag`. */
export function requireNoWords(words: readonly string[], flag: string | undefined): void {
  const [word = ''] = words
  if (flag !== undefined && words.length === 1 && (/[./]/.test(word) || existsSync(word)))
    throw new ArgumentsError(`too many arguments: name the file with --${flag} ${word}`)
  requireWords(words, [])
}

/** The whole number in `text`. Throws a UsageError if there is none. */
export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new ArgumentsError(
    `${flag} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
  )
}

const NEGATIVE_NUMBER = /^-\.?\d/

function valueProblem(flag: Flag, value: string | undefined, inline = false): string | null {
  if (flag.type === 'boolean') return value === undefined ? null : 'takes no value'
  // in "--certs --retain" the value is missing, in "--certs=--retain" it is not
  const forgotten = value === undefined || (!inline && /^-[^\d]/.test(value))
  if (forgotten) return `needs a value: ${flag.value}`
  return value === '' ? 'must not be empty' : null
}

function unknown(written: string, flags: Flags): string {
  const [name = ''] = written.split('=')
  const known = [...Object.keys(flags), 'help'].map((flag) => `--${flag}`)
  const meant = name.startsWith('--') ? didYouMean(name, known) : ''
  return `unknown option ${name}${meant}`
}

function typesOf(flags: Flags) {
  return Object.fromEntries(Object.entries(flags).map(([name, { type }]) => [name, { type }]))
}

function defaultsOf(flags: Flags): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      flag.type === 'boolean' ? false : flag.multiple ? [] : flag.default,
    ]),
  )
}
