import type { DatabaseSync } from 'node:sqlite'
import { ROW_BYTES } from './log-usage.ts'

/** A message of the log, as far as it matters for trimming. */
export interface TrimRow {
  readonly number: number
  readonly topic: string
  readonly device: string | null
  /** When it was stored, by the store's clock. */
  readonly time: number
  readonly bytes: number
  /** Whether it is retained or waits in a queue. */
  readonly isReferredTo: boolean
  /** Whether it is the latest of its topic. */
  readonly isLatest: boolean
}

/** Reads the first rows after a number, up to another: at most `ROWS_AT_ONCE`. */
export type ReadTrimRows = (after: number, upTo?: number) => TrimRow[]

export const ROWS_AT_ONCE = 64

const ROWS = `
  SELECT number, topic, device, coalesce(stored, time), ${ROW_BYTES},
    EXISTS (SELECT 1 FROM retained r WHERE r.topic = log.topic AND r.number = log.number)
      OR EXISTS (SELECT 1 FROM queue WHERE message = log.number)
      OR EXISTS (SELECT 1 FROM bundles WHERE message = log.number),
    NOT EXISTS (SELECT 1 FROM log newer WHERE newer.topic = log.topic AND newer.number > log.number)
  FROM log WHERE number > ? AND number <= ? ORDER BY number LIMIT ${ROWS_AT_ONCE}`

export function createTrimReader(db: DatabaseSync): ReadTrimRows {
  const select = db.prepare(ROWS)
  select.setReturnArrays(true)
  return (after, upTo = Number.MAX_SAFE_INTEGER) =>
    (select.all(after, upTo) as unknown as RowColumns[]).map(toRow)
}

type RowColumns = [number, string, string | null, number, number, 0 | 1, 0 | 1]

function toRow([number, topic, device, time, bytes, referredTo, latest]: RowColumns): TrimRow {
  return {
    number,
    topic,
    device,
    time,
    bytes,
    isReferredTo: referredTo === 1,
    isLatest: latest === 1,
  }
}
