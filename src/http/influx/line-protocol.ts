/** The value of a field, as text and as JSON. */
export interface FieldValue {
  readonly text: string
  readonly json: string
}

/** One line of InfluxDB's line protocol. */
export interface Point {
  readonly measurement: string
  readonly tags: ReadonlyMap<string, string>
  readonly fields: ReadonlyMap<string, FieldValue>
  /** In the precision of the request; null where the line has none. */
  readonly timestamp: bigint | null
}

/** The point that begins at `start`, and the end of its line, as a string may contain line feeds; or what is wrong. */
export type ReadPoint =
  | { readonly point: Point; readonly end: number }
  | { readonly problem: string }

/** Thrown where the rest of a line cannot be read. */
class Unreadable {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}

/** Reads a line as InfluxDB 2 does (https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/). */
export function readPoint(text: string, start: number): ReadPoint {
  try {
    return read(text, start)
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.problem }
    throw error
  }
}

function read(text: string, start: number): ReadPoint {
  const cursor = { text, at: start }
  const measurement = token(cursor, ', ').replaceAll(/\\([, ])/g, '$1')
  if (measurement === '') fail('missing measurement')
  const tags = readTags(cursor)
  if (text[cursor.at] !== ' ') fail('missing fields')
  skipSpaces(cursor)
  const fields = readFields(cursor)
  skipSpaces(cursor)
  const timestamp = isEnd(text, cursor.at) ? null : readTimestamp(cursor)
  skipSpaces(cursor)
  if (!isEnd(text, cursor.at)) fail('bad timestamp')
  return { point: { measurement, tags, fields, timestamp }, end: cursor.at }
}

interface Cursor {
  readonly text: string
  at: number
}

function readTags(cursor: Cursor): Map<string, string> {
  const tags = new Map<string, string>()
  while (cursor.text[cursor.at] === ',') {
    cursor.at += 1
    const key = unescaped(token(cursor, '=, '))
    if (key === '') fail('missing tag key')
    if (cursor.text[cursor.at] !== '=') fail('missing tag value')
    cursor.at += 1
    const value = unescaped(token(cursor, '=, '))
    if (value === '') fail('missing tag value')
    if (cursor.text[cursor.at] === '=') fail('invalid tag format')
    if (tags.has(key)) fail('duplicate tags')
    tags.set(key, value)
  }
  return tags
}

/** Where a field occurs twice, the last value counts. */
function readFields(cursor: Cursor): Map<string, FieldValue> {
  const { text } = cursor
  const fields = new Map<string, FieldValue>()
  do {
    if (fields.size > 0) cursor.at += 1
    const key = unescaped(token(cursor, '=, '))
    if (key === '')
      fail(fields.size > 0 || text[cursor.at] === '=' ? 'missing field key' : 'missing fields')
    if (text[cursor.at] !== '=') fail('missing field value')
    cursor.at += 1
    fields.set(key, text[cursor.at] === '"' ? readString(cursor) : toValue(token(cursor, ', ')))
  } while (text[cursor.at] === ',')
  if (text[cursor.at] !== ' ' && !isEnd(text, cursor.at)) fail('invalid field format')
  return fields
}

function readString(cursor: Cursor): FieldValue {
  const { text } = cursor
  const start = cursor.at + 1
  let at = start
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  if (at >= text.length) fail('unbalanced quotes')
  cursor.at = at + 1
  const value = text.slice(start, at).replaceAll(/\\(["\\])/g, '$1')
  return { text: value, json: JSON.stringify(value) }
}

const TRUE = /^(?:t|T|true|True|TRUE)$/
const FALSE = /^(?:f|F|false|False|FALSE)$/
const INTEGER = /^-?\d{1,20}i$/
const UNSIGNED = /^\d{1,20}u$/
const FLOAT = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const LEAST_INTEGER = -(2n ** 63n)
const MOST_INTEGER = 2n ** 63n - 1n
const MOST_UNSIGNED = 2n ** 64n - 1n

/** Numbers keep their digits: `21.50` stays `21.50`. */
function toValue(token: string): FieldValue {
  if (token === '') fail('missing field value')
  if (TRUE.test(token)) return { text: 'true', json: 'true' }
  if (FALSE.test(token)) return { text: 'false', json: 'false' }
  if (INTEGER.test(token) || UNSIGNED.test(token)) return toInteger(token)
  if (!FLOAT.test(token)) fail(/^[-.\d]/.test(token) ? 'invalid number' : 'invalid boolean')
  const value = Number(token)
  if (!Number.isFinite(value)) fail('invalid number')
  return { text: token, json: JSON_NUMBER.test(token) ? token : String(value) }
}

function toInteger(token: string): FieldValue {
  const value = BigInt(token.slice(0, -1))
  const most = token.endsWith('u') ? MOST_UNSIGNED : MOST_INTEGER
  if (value > most || value < LEAST_INTEGER) fail(`unable to parse integer ${token}: out of range`)
  return { text: String(value), json: String(value) }
}

function readTimestamp(cursor: Cursor): bigint {
  const digits = token(cursor, ' ')
  if (!/^-?\d{1,19}$/.test(digits)) fail('bad timestamp')
  return BigInt(digits)
}

/** The text before one of `stops`, or before the end of the line. A backslash removes the meaning of the next character. */
function token(cursor: Cursor, stops: string): string {
  const { text, at: start } = cursor
  let { at } = cursor
  while (!isEnd(text, at) && !stops.includes(text[at] as string))
    at += text[at] === '\\' && !isEnd(text, at + 1) ? 2 : 1
  cursor.at = at
  return text.slice(start, at)
}

/** A backslash before any other character is an ordinary backslash. */
function unescaped(token: string): string {
  return token.replaceAll(/\\([,= ])/g, '$1')
}

function skipSpaces(cursor: Cursor): void {
  while (cursor.text[cursor.at] === ' ') cursor.at += 1
}

/** Lines end with a line feed, with or without a carriage return before it. */
function isEnd(text: string, at: number): boolean {
  const here = text[at]
  if (here === '\r') return at + 1 >= text.length || text[at + 1] === '\n'
  return here === undefined || here === '\n'
}

function fail(problem: string): never {
  throw new Unreadable(problem)
}
