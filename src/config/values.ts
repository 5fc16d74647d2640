import { resolve } from 'node:path'

/** Turns the text of a setting into its value; throws an Error that says what would be right. */
export type Parse<T> = (text: string) => T

/** Where a door listens; null is `off`. */
export type ListenAddress = { readonly host: string; readonly port: number } | null

export type BrokerAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'file'; readonly path: string }

export function integer(min: number, max: number): Parse<number> {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`)
    return value
  }
}

const BYTE_UNITS = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** A size such as `131072`, `128KiB` or `1MiB`, in bytes. */
export function bytes(min: number, max: number): Parse<number> {
  return (text) => {
    const [, digits, unit] = /^(\d+) ?(B|KiB|MiB|GiB)?$/.exec(text) ?? []
    const value = Number(digits) * BYTE_UNITS[(unit ?? '') as keyof typeof BYTE_UNITS]
    if (!(value >= min && value <= max))
      throw new Error(
        `must be a size from ${bytesText(min)} to ${bytesText(max)}, such as 1048576 or 1MiB`,
      )
    return value
  }
}

export function bytesText(value: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const)
    if (value >= BYTE_UNITS[unit] && value % BYTE_UNITS[unit] === 0)
      return `${value / BYTE_UNITS[unit]}${unit}`
  return String(value)
}

export function choice<const T extends string>(...allowed: readonly T[]): Parse<T> {
  return (text) => {
    const found = allowed.find((value) => value === text)
    if (found === undefined) throw new Error(`must be one of ${allowed.join(', ')}`)
    return found
  }
}

/** A file or folder, made absolute against the working directory. */
export const path: Parse<string> = (text) => resolve(text)

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address) or `off`; port 0 takes a free one. */
export const listenAddress: Parse<ListenAddress> = (text) => {
  if (text === 'off') return null
  const [, bracketed, plain, digits] =
    /^(?:\[([\da-fA-F:.%]+)\]|([^\s[\]:/]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535)
    throw new Error('must be HOST:PORT, [IPV6]:PORT, :PORT or off')
  return { host: bracketed ?? (plain === '' || plain === undefined ? '::' : plain), port }
}

/** A regular expression for whole WoTT IDs; what MQTT and the ACL give a meaning is refused whatever it says. */
export const idPattern: Parse<RegExp> = (text) => {
  let pattern: RegExp
  try {
    pattern = new RegExp(text, 'u')
  } catch (error) {
    throw new Error(`must be a regular expression: ${(error as Error).message}`)
  }
  if (!text.startsWith('^') || !text.endsWith('$'))
    throw new Error('must start with "^" and end with "$", so that it speaks of the whole WoTT ID')
  return pattern
}

export const brokerAddress: Parse<BrokerAddress> = (text) => {
  if (text === 'memory:') return { kind: 'memory' }
  throw new Error(
    'must be memory: (a durable file:PATH, redis: and mqtts: are not in this version)',
  )
}
