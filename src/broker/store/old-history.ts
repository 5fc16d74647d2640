import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf, UsageError } from '../../errors.ts'
import type { MessageProperties, Qos } from '../../topic/message.ts'
import { fromJsonProperties } from '../../topic/properties.ts'
import { topicProblem } from '../../topic/topic.ts'
import type { LogRow } from './changes.ts'
import { toColumn } from './columns.ts'

/**
 * The history file of older gateways, which had no log: at their stop they wrote the messages that streams could resume from.
 */
export interface OldHistory {
  /** The content of the first line; null if it is damaged. */
  readonly head: OldNumbering | null
  /** The messages in order, with their numbers in the file; for a damaged line, its line number. */
  entries(): Generator<{ readonly row: LogRow } | { readonly damagedLine: number }, void>
}

/** The numbering that event ids of an old history use. */
export interface OldNumbering {
  readonly epoch: string
  /** Messages up to this number are not in the file. */
  readonly forgotten: number
  readonly latest: number
  readonly count: number
}

const FORMAT = 1
const CHUNK_BYTES = 1024 * 1024

/** The path of the file in which gateways before the log kept the history. */
export function oldHistoryFile(directory: string): string {
  return join(directory, 'history.ndjson')
}

/** Reads `file` line by line; null if there is none. Throws a UsageError if it cannot be read. */
export function openOldHistory(file: string): (OldHistory & Disposable) | null {
  const handle = openHandle(file)
  if (handle === null) return null
  const lines = linesOf(handle)
  const first = lines.next()
  const head = first.done ? null : orNull(() => parseHead(first.value))

  function* entries(): ReturnType<OldHistory['entries']> {
    let before = head?.forgotten ?? 0
    let line = 1
    for (const text of lines) {
      line += 1
      const row = orNull(() => parseEntry(text))
      if (row && row[0] > before && row[0] <= (head?.latest ?? Number.MAX_SAFE_INTEGER)) {
        before = row[0]
        yield { row }
      } else yield { damagedLine: line }
    }
  }

  return { head, entries, [Symbol.dispose]: () => closeSync(handle) }
}

function openHandle(file: string): number | null {
  try {
    return openSync(file, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`)
  }
}

/** Holds no more than one chunk and one line of the file in memory. */
function* linesOf(handle: number): Generator<string, void> {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let parts: Buffer[] = []
  for (;;) {
    const size = readSync(handle, chunk)
    if (size === 0) break
    let at = 0
    for (let end = chunk.indexOf(0x0a); end >= 0 && end < size; end = chunk.indexOf(0x0a, at)) {
      yield `${Buffer.concat([...parts, chunk.subarray(at, end)])}`
      parts = []
      at = end + 1
    }
    if (at < size) parts.push(Buffer.from(chunk.subarray(at, size)))
  }
  if (parts.length > 0) yield `${Buffer.concat(parts)}`
}

function parseHead(text: string): OldNumbering {
  const { format, epoch, forgotten, latest, count } = JSON.parse(text)
  const isGood =
    format === FORMAT &&
    /^[0-9a-f]{1,32}$/.test(epoch) &&
    [forgotten, latest, count].every((number) => Number.isSafeInteger(number) && number >= 0) &&
    forgotten <= latest
  if (!isGood) throw new Error('not the first line of a history file')
  return { epoch, forgotten, latest, count }
}

function parseEntry(text: string): LogRow {
  const { topic, payload, qos, retain, device, time, sequence, ...later } = JSON.parse(text)
  // gateways from before MQTT 5 wrote neither of the two
  const { properties = null, expires = null } = later
  const isGood =
    typeof topic === 'string' &&
    topicProblem(topic) === null &&
    typeof payload === 'string' &&
    Buffer.from(payload, 'base64').toString('base64') === payload &&
    [0, 1, 2].includes(qos) &&
    typeof retain === 'boolean' &&
    (device === null || typeof device === 'string') &&
    Number.isSafeInteger(time) &&
    (expires === null || Number.isSafeInteger(expires)) &&
    Number.isSafeInteger(sequence)
  if (!isGood) throw new Error('not a message')
  const known: MessageProperties | null = properties && fromJsonProperties(properties)
  return [
    sequence,
    topic,
    Buffer.from(payload, 'base64'),
    qos as Qos,
    retain ? 1 : 0,
    device,
    time,
    toColumn(known),
    expires,
    null,
  ]
}

function orNull<T>(parse: () => T): T | null {
  try {
    return parse()
  } catch {
    return null
  }
}
