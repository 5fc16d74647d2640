import { GatewayError } from '../errors.ts'
import { parseTime } from '../topic/time.ts'
import { type HistoryFormat, type HistoryParameters, LIMITS } from './history-parameters.ts'

/** What a request for history asks for. */
export interface HistoryQuery {
  readonly filters: readonly string[]
  /** Milliseconds since the Unix epoch; null for the beginning of the log, or for now. */
  readonly from: number | null
  readonly to: number | null
  readonly newestFirst: boolean
  readonly format: HistoryFormat
  /** Most entries or buckets. */
  readonly limit: number
  /** Whether the caller chose the limit. */
  readonly isLimited: boolean
  /** Whether only the latest message of each topic is wanted. */
  readonly isLatest: boolean
  /** The id, or with `isLatest` the topic, after which the answer continues. */
  readonly after: string | null
  /** The span and the field of buckets; null where messages are asked for. */
  readonly buckets: { readonly every: number; readonly field: readonly string[] | null } | null
}

const NOT_WITH_LATEST = ['from', 'to', 'order', 'every', 'field'] as const
const SECOND = 1000
const UNITS: Readonly<Record<string, number>> = {
  s: SECOND,
  m: 60 * SECOND,
  h: 3_600 * SECOND,
  d: 86_400 * SECOND,
  w: 604_800 * SECOND,
}
const LONGEST_BUCKET = 366 * 86_400 * SECOND

/** Throws a `query_invalid` that says what is wrong. */
export function toHistoryQuery(asked: HistoryParameters, now: number): HistoryQuery {
  const { every, field, latest: isLatest, limit } = asked
  const time = (name: 'from' | 'to') => {
    const value = asked[name]
    return value === undefined ? null : timeIn(name, value, now)
  }
  const from = time('from')
  const to = time('to')
  if (from !== null && from > (to ?? now))
    throw invalid(`from must not be later than ${to === null ? 'now' : 'to'}.`)
  if (field !== undefined && every === undefined)
    throw invalid('field needs every: it names the number for the buckets.')
  const other = isLatest && NOT_WITH_LATEST.find((name) => asked[name] !== undefined)
  if (other) throw invalid(`latest cannot be combined with ${other}.`)
  return {
    filters: asked.filter,
    from,
    to,
    newestFirst: asked.order === 'desc',
    format: asked.format,
    limit: limitIn(limit, every === undefined ? LIMITS.entries : LIMITS.buckets),
    isLimited: limit !== undefined,
    isLatest,
    after: asked.after ?? null,
    buckets: every === undefined ? null : { every: spanIn(every), field: fieldIn(field) },
  }
}

function timeIn(name: string, text: string, now: number): number {
  const [, count, unit = ''] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (UNITS[unit] as number)
  if (text === 'now') return now
  const time = parseTime(text)
  if (time !== null) return time
  throw invalid(
    `${name} must be a time such as 2026-11-24T08:00:00Z, 1795507200 (Unix seconds or milliseconds) or -6h (s, m, h, d or w), not "${text}".`,
  )
}

function spanIn(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  const span = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (span >= SECOND && span <= LONGEST_BUCKET) return span
  throw invalid(`every must be from 1s to 366d, such as 30s, 5m, 1h or 1d, not "${text}".`)
}

const LONGEST_FIELD = 256

function fieldIn(text: string | undefined): string[] | null {
  if (text === undefined) return null
  // a backslash makes a dot or a backslash part of the name
  const names = text.match(/(?:\\[.\\]|[^.])+/g) ?? []
  const isWhole = names.join('.') === text && names.length > 0
  if (text.length <= LONGEST_FIELD && isWhole)
    return names.map((name) => name.replaceAll(/\\([.\\])/g, '$1'))
  throw invalid(
    'field must be the name of a JSON member, such as temperature or climate.indoor; a dot in a name is written "\\.".',
  )
}

function limitIn(limit: number | undefined, { usual, most }: { usual: number; most: number }) {
  if (limit === undefined) return usual
  if (limit <= most) return limit
  throw invalid(`limit must be a whole number from 1 to ${most}, not "${limit}".`)
}

function invalid(detail: string): GatewayError {
  return new GatewayError('query_invalid', detail)
}
