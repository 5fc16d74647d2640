/** What a message carries, as far as a page can show it. */
export type Payload =
  | { readonly kind: 'number'; readonly text: string; readonly numbers: Numbers }
  | { readonly kind: 'json'; readonly text: string; readonly numbers: Numbers }
  | { readonly kind: 'text' | 'binary' | 'empty'; readonly text: string; readonly numbers: Numbers }

/** Numbers by their name in a JSON object; a payload that is a number has one without a name. */
export type Numbers = ReadonlyMap<string, number>

const NONE: Numbers = new Map()
const MOST_NUMBERS = 8
const LONGEST_TEXT = 4096
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** Exactly one of `text` and `base64` is there, as in the stream's JSON. */
export function readPayload(text: string | undefined, base64: string | undefined): Payload {
  if (text === undefined) return binary(base64 ?? '')
  if (text === '') return { kind: 'empty', text: '(empty)', numbers: NONE }
  const value = Number(text)
  if (text.length <= 40 && NUMBER.test(text) && Number.isFinite(value))
    return { kind: 'number', text: formatNumber(value), numbers: new Map([['', value]]) }
  const object = objectIn(text)
  if (object !== null)
    return { kind: 'json', text: cut(JSON.stringify(object)), numbers: numbersIn(object) }
  return { kind: 'text', text: cut(text), numbers: NONE }
}

/** Six significant digits, as a card has room for. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value)
  return String(Number(value.toPrecision(6)))
}

function binary(base64: string): Payload {
  const bytes = atob(base64.slice(0, 88))
  const size = (base64.length / 4) * 3 - (base64.match(/=+$/)?.[0].length ?? 0)
  const hex = [...bytes.slice(0, 32)].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  )
  const more = size > 32 ? ' …' : ''
  return { kind: 'binary', text: `${size} bytes: ${hex.join(' ')}${more}`, numbers: NONE }
}

function objectIn(text: string): object | null {
  if (!/^\s*[[{]/.test(text)) return null
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}

function numbersIn(object: object): Numbers {
  const found = Object.entries(object).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  )
  return new Map(found.slice(0, MOST_NUMBERS))
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}
