import { fieldsOf, inLines, inOneLine, type Values } from './json.ts'

/** What a message carries, as far as a page can show it. */
export interface Payload {
  readonly kind: 'number' | 'json' | 'text' | 'binary' | 'empty'
  /** Numbers are in it as they were sent. */
  readonly text: string
  /** By their paths in a JSON payload; a payload that is a number or a text has one without a name. */
  readonly values: Values
  /** How many values of a JSON payload are not among them. */
  readonly leftOut: number
}

const NONE: Values = new Map()
const LONGEST_TEXT = 4096
/** Longest text that counts as a state, such as "open". */
const LONGEST_STATE = 64
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
  if (text === '') return { kind: 'empty', text: '(empty)', values: NONE, leftOut: 0 }
  const number = Number(text)
  if (text.length <= 40 && NUMBER.test(text) && Number.isFinite(number))
    return alone('number', text.trim(), number)
  const called = JSON_TYPE.test(contentType)
  const value = called || /^\s*[[{]/.test(text) ? valueIn(text) : undefined
  if (value !== undefined) {
    // a thousand nested brackets would be indented by a million blanks
    const isSetOut = called && text.length <= LONGEST_TEXT && isShallow(value, MOST_LEVELS)
    const shown = isSetOut ? inLines(text) : inOneLine(text)
    return { kind: 'json', text: cut(shown), ...fieldsOf(text) }
  }
  if (text.length <= LONGEST_STATE) return alone('text', text, null)
  return { kind: 'text', text: cut(text), values: NONE, leftOut: 0 }
}

function alone(kind: Payload['kind'], text: string, number: number | null): Payload {
  return { kind, text, values: new Map([['', { text, number }]]), leftOut: 0 }
}

function binary(base64: string): Payload {
  const bytes = atob(base64.slice(0, 88))
  const size = (base64.length / 4) * 3 - (base64.match(/=+$/)?.[0].length ?? 0)
  const hex = [...bytes.slice(0, 32)].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  )
  const more = size > 32 ? ' …' : ''
  return {
    kind: 'binary',
    text: `${size} bytes: ${hex.join(' ')}${more}`,
    values: NONE,
    leftOut: 0,
  }
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

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}
