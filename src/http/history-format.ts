import { isUtf8 } from 'node:buffer'
import type { Delivery } from '../broker/delivery.ts'
import type { Bucket } from '../live/buckets.ts'
import { type GapCause, toJson } from '../live/event.ts'
import { toJsonProperties } from '../topic/properties.ts'
import type { HistoryFormat } from './history-parameters.ts'

/** What follows the entries or buckets of an answer. */
export interface HistoryEnd {
  /** Which messages in the requested range may be missing for good. */
  readonly gaps: readonly GapCause[]
  /** Why the answer is incomplete; null when it is complete. */
  readonly truncated: 'limit' | 'work' | 'time' | null
  /** The value of `after` that continues it; null when nothing is left. */
  readonly next: string | null
}

/** Writes an answer part by part. */
export interface HistoryWriter {
  readonly contentType: string
  begin(): string
  entry(delivery: Delivery, id: string): string
  bucket(bucket: Bucket): string
  /** `isExpected`: the end holds nothing that the caller cannot know from its own limit and the headers. */
  end(end: HistoryEnd, isExpected: boolean): string
}

export const GAP_MESSAGES: Readonly<Record<Exclude<GapCause, 'unknown_id'>, string>> = {
  expired: 'The oldest messages of this time range are no longer kept.',
  restart: 'The gateway was restarted: messages from just before the restart may be missing.',
  overload: 'QoS 0 messages arrived faster than the disk could store them: some may be missing.',
  damaged: 'Some of these messages are missing, because the disk has damaged them.',
  broker_away:
    'The gateway could not reach its broker for some of this time: messages may be missing.',
}

export function createHistoryWriter(format: HistoryFormat, kind: Kind): HistoryWriter {
  if (format === 'json') return jsonWriter(kind)
  return format === 'csv' ? csvWriter(kind) : NDJSON_WRITER
}

type Kind = 'entries' | 'buckets'

function jsonWriter(kind: Kind): HistoryWriter {
  let separator = ''
  const next = (text: string) => {
    const part = separator + text
    separator = ',\n'
    return part
  }
  return {
    contentType: 'application/json',
    begin: () => `{"${kind}":[`,
    entry: (delivery, id) => next(entryJson(delivery, id)),
    bucket: (bucket) => next(bucketJson(bucket)),
    end: (end) => `],${endJson(end).slice(1)}`,
  }
}

const NDJSON_WRITER: HistoryWriter = {
  contentType: 'application/x-ndjson',
  begin: () => '',
  entry: (delivery, id) => `${entryJson(delivery, id)}\n`,
  bucket: (bucket) => `${bucketJson(bucket)}\n`,
  end: (end, isExpected) => (isExpected ? '' : `${endJson(end)}\n`),
}

const COLUMNS = {
  entries: 'id,time,topic,payload,payloadBase64,device,qos,retain,properties,received',
  buckets: 'from,topic,count,min,mean,max,last',
}

function csvWriter(kind: Kind): HistoryWriter {
  return {
    contentType: 'text/csv; charset=utf-8; header=present',
    begin: () => `${COLUMNS[kind]}\r\n`,
    entry: ({ topic, payload, device, qos, retain, time, received, properties }, id) =>
      toRow([
        ...[id, new Date(time).toISOString(), toCell(topic)],
        ...(isUtf8(payload)
          ? [toCell(payload.toString('utf8')), '']
          : ['', payload.toString('base64')]),
        ...[toCell(device ?? ''), qos, retain],
        properties === null ? '' : toCell(JSON.stringify(toJsonProperties(properties))),
        time === received ? '' : new Date(received).toISOString(),
      ]),
    bucket: ({ from, topic, count, min, mean, max, last }) =>
      toRow([new Date(from).toISOString(), toCell(topic), count, min, mean, max, last]),
    end: (end, isExpected) => (isExpected ? '' : `# ${endJson(end)}\r\n`),
  }
}

function entryJson(delivery: Delivery, id: string): string {
  return `{"id":"${id}",${toJson(delivery).slice(1)}`
}

function bucketJson({ topic, from, count, min, mean, max, last }: Bucket): string {
  return JSON.stringify({ topic, from: new Date(from).toISOString(), count, min, mean, max, last })
}

function endJson({ gaps, truncated, next }: HistoryEnd): string {
  return JSON.stringify({ truncated, next, gaps: gaps.map(toGap) })
}

function toGap(reason: GapCause): object {
  return { reason, message: GAP_MESSAGES[reason === 'unknown_id' ? 'expired' : reason] }
}

/** RFC 4180. */
function toRow(cells: readonly unknown[]): string {
  return `${cells.map((cell) => quoted(String(cell))).join(',')}\r\n`
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

// each text matches in one way only: otherwise a payload of digits would cause quadratic backtracking (ReDoS)
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** Text that a spreadsheet would run as a formula (CWE-1236) gets an apostrophe in front; a number stays a number. */
function toCell(text: string): string {
  return /^[=+\-@\t\r\n]/.test(text) && !NUMBER.test(text) ? `'${text}` : text
}
