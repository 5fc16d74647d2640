import type { DatabaseSync } from 'node:sqlite'
import { type CheckedRow, soundRow } from './checksum.ts'
import type { LogUsage } from './log-usage.ts'
import { createPauses } from './pauses.ts'
import { CHECK_LOG } from './sqlite-statements.ts'

/** The content of a store. Times are milliseconds since the Unix epoch, null if there is no message. */
export interface StoreInfo {
  readonly entries: number
  /** Bytes of topics, payloads and properties, plus 100 for each message. */
  readonly bytes: number
  /** The size of the database on the disk. */
  readonly fileBytes: number
  readonly oldest: number | null
  readonly newest: number | null
  readonly topics: number
  readonly sessions: number
  readonly queued: number
  readonly retained: number
  readonly devices: number
  /** Messages whose checksum does not match: the disk has damaged them. */
  readonly damaged: number
  /** The devices with the most bytes. */
  readonly largest: readonly DeviceInfo[]
}

export interface DeviceInfo {
  /** Null for messages that no device published. */
  readonly device: string | null
  readonly entries: number
  readonly bytes: number
}

const LARGEST = 10
/** The rows of the queues, plus the copies in bundles that have no row. */
const QUEUED = `
  SELECT (SELECT count(*) FROM queue WHERE session IS NOT NULL) + coalesce(sum(
    last - id + 1 - (SELECT count(*) FROM queue WHERE queue.id BETWEEN bundles.id AND last)), 0)
  FROM bundles`

/** Reads a store in small parts, so that commits can run in between. */
export async function readStoreInfo(db: DatabaseSync, usage: LogUsage): Promise<StoreInfo> {
  const pause = createPauses()
  while (!usage.isComplete) {
    usage.count()
    await pause()
  }
  const topics = await countTopics(db, pause)
  const damaged = await countDamaged(db, pause)
  const one = (sql: string) => Number(db.prepare(`SELECT (${sql}) AS n`).get()?.n ?? 0)
  const timeAt = (end: 'ASC' | 'DESC') =>
    usage.total.entries === 0 ? null : one(`SELECT time FROM log ORDER BY number ${end} LIMIT 1`)
  const largest = [...usage.byDevice]
    .map(([device, { entries, bytes }]) => ({ device, entries, bytes }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, LARGEST)
  return {
    ...usage.total,
    fileBytes:
      one('SELECT page_count FROM pragma_page_count') *
      one('SELECT page_size FROM pragma_page_size'),
    oldest: timeAt('ASC'),
    newest: timeAt('DESC'),
    topics,
    sessions: one('SELECT count(*) FROM sessions'),
    queued: one(QUEUED),
    retained: one('SELECT count(*) FROM retained'),
    devices: usage.byDevice.size,
    damaged,
    largest,
  }
}

/** Takes one step in the index for each topic, however many messages it has. */
async function countTopics(db: DatabaseSync, pause: () => Promise<void>): Promise<number> {
  const next = db.prepare('SELECT topic FROM log WHERE topic > ? ORDER BY topic LIMIT 1')
  let count = 0
  for (let row = next.get(''); row; row = next.get(row.topic as string)) {
    count += 1
    await pause()
  }
  return count
}

/** Reads every message. */
async function countDamaged(db: DatabaseSync, pause: () => Promise<void>): Promise<number> {
  const next = db.prepare(CHECK_LOG)
  next.setReturnArrays(true)
  let count = 0
  let reached = 0
  for (;;) {
    const rows = next.all(reached) as unknown as CheckedRow[]
    const last = rows.at(-1)
    if (!last) return count
    for (const row of rows) if (!soundRow(row)) count += 1
    reached = last[0]
    await pause()
  }
}
