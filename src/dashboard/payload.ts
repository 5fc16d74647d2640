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
const MOST_LEVELS = 16
const JSON_TYPE = /^\s*(?:application\/json|text\/json|[^\s;]+\+json)\s*(?:;|$)/i
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** Exactly one of `text` and `base64` is there, as in the stream's JSON. What its publisher calls JSON is set out in lines. */
export function readPayload(
  text: string | undefined,
  base64: string | undefined,
  contentType = '',
): Payload {
  if (text === undefined) return binary(base64 ?? '')
  if (text === '') return { kind: 'empty', text: '(empty)', numbers: NONE }
  const value = Number(text)
  if (text.length <= 40 && NUMBER.test(text) && Number.isFinite(value))
    return { kind: 'number', text: formatNumber(value), numbers: new Map([['', value]]) }
  const called = JSON_TYPE.test(contentType)
  if (called || /^\s*[[{]/.test(text)) {
    const value = valueIn(text)
    if (value !== undefined) {
      // indented, a thousand nested brackets are a million blanks
      const inLines = called && text.length <= LONGEST_TEXT && isShallow(value, MOST_LEVELS)
      const shown = JSON.stringify(value, null, inLines ? 2 : 0)
      return { kind: 'json', text: cut(shown), numbers: numbersIn(value) }
    }
  }
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

/** What JSON says; undefined where it is not JSON. */
function valueIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1))
}

function numbersIn(value: unknown): Numbers {
  if (typeof value !== 'object' || value === null) return NONE
  const found = Object.entries(value).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  )
  return new Map(found.slice(0, MOST_NUMBERS))
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}
