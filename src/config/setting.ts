import type { Parse } from './values/parse.ts'

/** A setting: how its text is read, its default text (undefined: none), and what it is for. */
export interface Setting<T> {
  readonly parse: Parse<T>
  readonly fallback: string | undefined
  readonly help: string
}

export function setting<T>(parse: Parse<T>, fallback: string, help: string): Setting<T>
export function setting<T>(
  parse: Parse<T>,
  fallback: undefined,
  help: string,
): Setting<T | undefined>
export function setting<T>(
  parse: Parse<T>,
  fallback: string | undefined,
  help: string,
): Setting<T | undefined> {
  return { parse, fallback, help }
}
