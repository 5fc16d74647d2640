import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../../errors.ts'
import type { Reading } from '../../relay/relay.ts'
import { fillTemplate, type TopicTemplate } from '../../topic/template.ts'
import type { Turns } from '../../turns/turns.ts'
import { type Point, readPoint } from './line-protocol.ts'

/** Most values of one request, in all fields of its lines. */
export const MAX_VALUES = 10_000
/** Empty lines and comments included. */
const MAX_LINE_FEEDS = 10 * MAX_VALUES
/** Most characters of a line that an error quotes. */
const SHOWN = 100

/** A value, and its line in the body; or why that line has no value. */
export interface PointValue {
  readonly line: number
  readonly reading: Reading | GatewayError
}

export interface PointValues {
  readonly values: readonly PointValue[]
  /** Whether every line has a timestamp, so that the same body sent again is the same data. */
  readonly isTimed: boolean
}

export interface ReadPointsOptions {
  readonly device: string
  readonly template: TopicTemplate
  readonly retain: boolean
  /** Nanoseconds of the unit of the timestamps. */
  readonly precision: bigint
  readonly turns: Pick<Turns, 'each'>
}

/** The readings of a body in line protocol; one bad line does not affect the others. Throws a refusal where there are too many. */
export async function readValues(body: Buffer, options: ReadPointsOptions): Promise<PointValues> {
  if (!isUtf8(body)) throw new GatewayError('body_invalid', 'The body is not valid UTF-8.')
  const text = body.toString('utf8')
  const values: PointValue[] = []
  let isTimed = true
  // a string may contain line feeds, and its line continues after them
  let reached = 0

  function take([line, start]: readonly [number, number]): void {
    if (start < reached) return
    const end = text.indexOf('\n', start)
    const source = text.slice(start, end === -1 ? text.length : end).trimStart()
    if (source === '' || source.startsWith('#')) return
    const read = readPoint(text, text.indexOf(source, start))
    if ('problem' in read) add({ line, reading: unreadable(source, read.problem) })
    else {
      reached = read.end
      if (read.point.timestamp === null) isTimed = false
      for (const reading of readingsOf(read.point, options)) {
        const isWrong = reading instanceof Error && !(reading instanceof GatewayError)
        add({ line, reading: isWrong ? unreadable(source, reading.message) : reading })
      }
    }
  }

  function add(value: PointValue): void {
    if (values.length === MAX_VALUES) throw tooMany()
    values.push(value)
  }

  await options.turns.each(options.device, startsOf(text), take)
  return { values, isTimed }
}

/** The number and the start of each line. */
function startsOf(text: string): (readonly [number, number])[] {
  const starts: (readonly [number, number])[] = []
  for (let at = 0; at < text.length; ) {
    if (starts.length === MAX_LINE_FEEDS) throw tooMany()
    starts.push([starts.length + 1, at])
    const end = text.indexOf('\n', at)
    at = end === -1 ? text.length : end + 1
  }
  return starts
}

/** One reading for each field, or one with all fields in JSON where the topic does not name the field. */
function* readingsOf(
  { measurement, tags, fields, timestamp }: Point,
  { device, template, retain, precision }: ReadPointsOptions,
): Generator<Reading | Error> {
  const time = timestamp === null ? null : Number((timestamp * precision) / NS_PER_MS)
  const common = { qos: 1, retain, messageExpiry: null, time } as const
  const topicOf = (field: string | null) =>
    fillTemplate(template, { device, measurement, tags, field })
  try {
    if (template.hasField)
      for (const [field, { text }] of fields)
        yield { ...common, topic: topicOf(field), payload: Buffer.from(text), properties: null }
    else
      yield {
        ...common,
        topic: topicOf(null),
        payload: Buffer.from(toJson(fields)),
        properties: { contentType: 'application/json' },
      }
  } catch (error) {
    yield error as Error
  }
}

const NS_PER_MS = 1_000_000n

function toJson(fields: Point['fields']): string {
  const members = [...fields].map(([name, { json }]) => `${JSON.stringify(name)}:${json}`)
  return `{${members.join(',')}}`
}

function unreadable(source: string, problem: string): GatewayError {
  const shown = source.length > SHOWN ? `${source.slice(0, SHOWN)}…` : source
  return new GatewayError('body_invalid', `unable to parse '${shown.toWellFormed()}': ${problem}`)
}

function tooMany(): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The body has more than the ${MAX_VALUES} values that one request may have; send fewer lines at once.`,
  )
}
