import { ArgumentsError } from './arguments.ts'

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * The milliseconds of a text such as 30m, 12h or 7d. Throws an ArgumentsError for more than `longest`, a text of the same form.
 */
export function durationIn(flag: string, text: string, longest: string): number {
  const time = toMilliseconds(text)
  if (time > 0 && time <= toMilliseconds(longest)) return time
  throw new ArgumentsError(
    `${flag} must be a time such as 30m, 12h or 7d, at most ${longest}, not ${JSON.stringify(text)}`,
  )
}

function toMilliseconds(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  return Number(count) * (UNITS[unit] ?? Number.NaN)
}

/** The origin of an https address. Throws an ArgumentsError for anything else, such as an address with a path. */
export function originIn(flag: string, text: string, example: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'https:' && url.pathname === '/' && url.search === '' && url.hash === '')
    return url.origin
  throw new ArgumentsError(
    `${flag} must be an address such as ${example}, not ${JSON.stringify(text)}`,
  )
}
