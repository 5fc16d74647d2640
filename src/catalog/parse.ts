import { isUtf8 } from 'node:buffer'
import { filterProblem } from '../topic/topic.ts'
import { type FieldEntry, highestPlace, placesIn, type TopicEntry } from './catalog.ts'
import { DEVICE_CLASSES, deviceClassOf } from './device-classes.ts'
import { Fault, type Word, wordsOf } from './words.ts'

/** Why a line cannot be read; `column` counts UTF-16 code units from 1, as editors do. */
export interface TopicsError {
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A topics file as it was read, or all that is wrong with it. */
export type ParsedTopics =
  | { readonly ok: true; readonly entries: readonly TopicEntry[] }
  | { readonly ok: false; readonly errors: readonly TopicsError[] }

/** Lines that are neither empty nor comments. */
const MAX_CATALOG_LINES = 2_000
const MOST_ERRORS = 100
const LF = 0x0a

/** The contents of one line. */
interface Statement extends FieldEntry {
  readonly pattern: string
  readonly silenceMs: number | null | undefined
}

/** Parses a topics file. If any line is bad, the result is the list of all bad lines. */
export function parseTopics(bytes: Buffer): ParsedTopics {
  const errors: TopicsError[] = []
  const entries = new Map<string, Gathered>()
  let count = 0
  for (const [index, line] of linesOf(bytes).entries()) {
    const number = index + 1
    try {
      const statement = parseLine(line, number)
      if (statement === null) continue
      count += 1
      if (count > MAX_CATALOG_LINES) throw new Fault(`more than ${MAX_CATALOG_LINES} lines`, 1)
      gather(entries, statement)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      errors.push({ line: number, column: error.column, message: error.message })
      if (errors.length === MOST_ERRORS || count > MAX_CATALOG_LINES) break
    }
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, entries: [...entries.values()] }
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  const start = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
  for (let at = start; at <= bytes.length; ) {
    const found = bytes.indexOf(LF, at)
    const end = found === -1 ? bytes.length : found
    lines.push(bytes.subarray(at, end))
    at = end + 1
  }
  return lines
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff')

function parseLine(bytes: Buffer, line: number): Statement | null {
  if (!isUtf8(bytes)) throw new Fault('not valid UTF-8', 1)
  const [first, ...rest] = wordsOf(bytes.toString().replace(/\r$/, ''))
  if (first === undefined) return null
  const pattern = first.text
  const problem = filterProblem(pattern)
  if (problem) throw new Fault(`the pattern ${problem}`, first.column)
  if (pattern.startsWith('$'))
    throw new Fault(
      'the pattern must not start with "$": such topics are reserved for the broker',
      1,
    )
  const pairs = pairsOf(rest)
  const unit = pairs.get('unit', textOf(20)) ?? null
  const field = pairs.get('field', fieldOf) ?? null
  const name = pairs.get('name', (word) => nameIn(word, pattern)) ?? null
  const deviceClass = pairs.get('class', deviceClassIn) ?? deviceClassOf(unit)
  const min = pairs.get('min', numberOf) ?? null
  const max = pairs.get('max', numberOf) ?? null
  if (min !== null && max !== null && min > max)
    throw new Fault(`min ${min} is above max ${max}`, first.column)
  const silenceMs = pairs.get('silence', silenceOf)
  return { line, pattern, field, name, unit, deviceClass, min, max, silenceMs }
}

const KEYS = ['name', 'unit', 'class', 'silence', 'min', 'max', 'field'] as const
type Key = (typeof KEYS)[number]

function pairsOf(words: readonly Word[]): {
  get<T>(key: Key, read: (word: Word) => T): T | undefined
} {
  const values = new Map<string, Word>()
  for (let at = 0; at < words.length; at += 2) {
    const { text: key, column } = words[at] as Word
    const value = words[at + 1]
    if (!KEYS.some((known) => known === key))
      throw new Fault(`"${shown(key)}" is not one of ${KEYS.join(', ')}`, column)
    if (values.has(key)) throw new Fault(`${key} appears twice`, column)
    if (value === undefined) throw new Fault(`${key} has no value`, column)
    values.set(key, value)
  }
  return {
    get(key, read) {
      const word = values.get(key)
      return word && read(word)
    },
  }
}

function textOf(most: number): (word: Word) => string {
  return ({ text, column }) => {
    if (text === '' || text.length > most || CONTROLS.test(text))
      throw new Fault(`must be 1 to ${most} characters`, column)
    return text
  }
}

const CONTROLS = /\p{C}/u
const LONGEST_NAME = 100

function nameIn(word: Word, pattern: string): string {
  const name = textOf(LONGEST_NAME)(word)
  const places = placesIn(pattern)
  const highest = highestPlace(name)
  if (highest > places)
    throw new Fault(
      `%${highest} has no value, because the pattern has only ${places} wildcards`,
      word.column,
    )
  return name
}

const LONGEST_FIELD = 256

function fieldOf({ text, column }: Word): string {
  if (text.length <= LONGEST_FIELD && text.split('.').every((name) => name !== '')) return text
  throw new Fault('field must be a JSON member, such as temperature or climate.indoor', column)
}

function deviceClassIn({ text, column }: Word): string {
  if (DEVICE_CLASSES.has(text)) return text
  throw new Fault(
    `"${shown(text)}" is not a Home Assistant device class for numeric sensors, such as humidity`,
    column,
  )
}

function numberOf({ text, column }: Word): number {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text)))
    return Number(text)
  throw new Fault(`"${shown(text)}" is not a number`, column)
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const LONGEST_SILENCE = 366 * 86_400_000

function silenceOf({ text, column }: Word): number | null {
  if (text === 'off') return null
  const [, count, unit = ''] = /^(\d{1,8})([smhd])$/.exec(text) ?? []
  const silence = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (silence >= 1000 && silence <= LONGEST_SILENCE) return silence
  throw new Fault(
    `silence must be from 1s to 366d, such as 30s, 15m, 6h or 2d, or off, not "${shown(text)}"`,
    column,
  )
}

type Gathered = TopicEntry & { silenceMs: number | null | undefined; readonly fields: FieldEntry[] }

/** Lines of the same pattern belong together. */
function gather(entries: Map<string, Gathered>, statement: Statement): void {
  const { pattern, silenceMs, ...entry } = statement
  const known = entries.get(pattern) ?? { pattern, silenceMs: undefined, fields: [] }
  const same = known.fields.find(({ field }) => field === entry.field)
  if (same)
    throw new Fault(
      entry.field === null
        ? `line ${same.line} has this pattern already; each further line for it needs a field`
        : `line ${same.line} has this pattern and field already`,
      1,
    )
  if (silenceMs !== undefined && known.silenceMs !== undefined && silenceMs !== known.silenceMs)
    throw new Fault('an earlier line of this pattern has another silence', 1)
  if (silenceMs !== undefined) known.silenceMs = silenceMs
  known.fields.push(entry)
  entries.set(pattern, known)
}

function shown(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text
  return short.replaceAll(/\p{C}/gu, '\ufffd')
}
