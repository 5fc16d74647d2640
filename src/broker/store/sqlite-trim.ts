import type { DatabaseSync } from 'node:sqlite'
import type { Change } from './changes.ts'
import { type Forwarded, isForwarded } from './forwarded.ts'
import { createLogUsage, type LogUsage, ROW_BYTES } from './log-usage.ts'
import type { LogState, Retention } from './retention.ts'
import { createTopicsKept, type TopicsKept } from './topics-kept.ts'

/** Deletes messages from the log that are too old or have no room. */
export interface Trim {
  readonly usage: LogUsage
  state(): LogState
  /** Notes what a commit has stored. */
  stored(changes: readonly Change[]): void
  /** How many messages were deleted before they were forwarded, since the last call. */
  takeUnforwarded(): number
  /** Does a part of the work, within some milliseconds; returns whether more can be done now. */
  step(now: number): boolean
}

export interface TrimRow {
  readonly number: number
  readonly topic: string
  readonly device: string | null
  /** When it was stored, by the clock of `now`. */
  readonly time: number
  readonly bytes: number
  /** Whether it is retained or waits in a queue. */
  readonly isReferredTo: boolean
  /** Whether it is the latest of its topic. */
  readonly isLatest: boolean
}

/** Younger messages are never trimmed, so that a client that reconnects soon has missed nothing. */
const YOUNGEST_MS = 60_000
/** The time of a step. With its commit, a waiting client is delayed about twice as long. */
const STEP_MS = 1
const ROWS_AT_ONCE = 64
const EVERYTHING = Number.MAX_SAFE_INTEGER
/** How often the kept messages are checked again. */
const SWEEP_MS = 1_000
/** A device is trimmed to this part of its share, so that it does not exceed it again at once. */
const RELIEF = 7 / 8

const ROWS = `
  SELECT number, topic, device, coalesce(stored, time), ${ROW_BYTES},
    EXISTS (SELECT 1 FROM retained r WHERE r.topic = log.topic AND r.number = log.number)
      OR EXISTS (SELECT 1 FROM queue WHERE message = log.number)
      OR EXISTS (SELECT 1 FROM bundles WHERE message = log.number),
    NOT EXISTS (SELECT 1 FROM log newer WHERE newer.topic = log.topic AND newer.number > log.number)
  FROM log WHERE number > ? AND number <= ? ORDER BY number LIMIT ${ROWS_AT_ONCE}`

/**
 * Trims the log of `db`; nothing else deletes from it. A message that is still to be forwarded is deleted only for lack of
 * room.
 */
export function createTrim(
  db: DatabaseSync,
  retention: Retention,
  forwarded: Forwarded | null = null,
): Trim {
  const usage = createLogUsage(db)
  const select = db.prepare(ROWS)
  select.setReturnArrays(true)
  const deleteRow = db.prepare('DELETE FROM log WHERE number = ?')
  const writeMeta = db.prepare('REPLACE INTO meta VALUES (?, ?)')
  const synchronous = Number(db.prepare('PRAGMA synchronous').get()?.synchronous)
  let trimmed = readNumber(db, 'trimmed')
  let thinned = readNumber(db, 'thinned')
  let passedOn = forwarded ? readNumber(db, 'forwarded', EVERYTHING) : EVERYTHING
  let unforwarded = 0
  // the messages left up to this number are kept ones
  let cursor = trimmed
  const topics = createTopicsKept(retention)
  let swept = 0
  let lastSweep = 0
  // one walk through the log for all devices that exceeded their share when it began
  let pass: { cursor: number; over: Set<string | null>; keeps: TopicsKept } | null = null
  let lastPass = 0
  const share: Retention = { ...retention, bytes: 2 * retention.bytesPerDevice }
  // the rows that this step deletes: counted once that is stored
  let removed: TrimRow[] = []
  let removedBytes = 0
  let removedUnforwarded = 0
  let removedOf = new Map<string | null, number>()
  let highest = { trimmed, thinned }
  let end = 0
  const isOver = () => performance.now() > end

  function rowsAfter(number: number, upTo = EVERYTHING): TrimRow[] {
    return (select.all(number, upTo) as unknown as RowColumns[]).map(toRow)
  }

  function remove(row: TrimRow, why: keyof typeof highest): void {
    deleteRow.run(row.number)
    removed.push(row)
    removedBytes += row.bytes
    if (isAwaited(row)) removedUnforwarded += 1
    removedOf.set(row.device, (removedOf.get(row.device) ?? 0) + row.bytes)
    highest[why] = Math.max(highest[why], row.number)
  }

  /** Whether it is still to be forwarded. */
  function isAwaited({ number, topic, device }: TrimRow): boolean {
    return number > passedOn && forwarded !== null && isForwarded(forwarded, topic, device)
  }

  function hasRoom(): boolean {
    return usage.total.bytes - removedBytes <= retention.bytes
  }

  /** Deletes the oldest messages while they are too old or too many; returns whether there may be more. */
  function trimOldest(now: number): boolean {
    const rows = rowsAfter(cursor)
    for (const row of rows) {
      if (row.time > now - YOUNGEST_MS) return false
      if (hasRoom() && (row.time > now - retention.age || row.number > passedOn)) return false
      if (isOver()) return true
      cursor = row.number
      if (!row.isReferredTo && !topics.keeps(row, now)) remove(row, 'trimmed')
    }
    return rows.length === ROWS_AT_ONCE
  }

  /** Deletes the oldest messages of devices above their share; returns whether there may be more. */
  function trimShares(now: number): boolean {
    if (!pass) {
      if (Math.abs(now - lastPass) < YOUNGEST_MS) return false
      const over = [...usage.byDevice].filter(([, { bytes }]) => bytes > retention.bytesPerDevice)
      if (over.length === 0) return false
      lastPass = now
      pass = {
        cursor,
        over: new Set(over.map(([device]) => device)),
        keeps: createTopicsKept(share),
      }
    }
    const rows = rowsAfter(Math.max(pass.cursor, cursor))
    for (const row of rows) {
      if (row.time > now - YOUNGEST_MS) break
      if (isOver()) return true
      pass.cursor = row.number
      if (!pass.over.has(row.device)) continue
      if (leftOf(row.device) <= retention.bytesPerDevice * RELIEF) pass.over.delete(row.device)
      else if (!row.isReferredTo && !pass.keeps.keeps(row, now)) remove(row, 'thinned')
      if (pass.over.size === 0) break
    }
    if (rows.at(-1)?.number === pass.cursor && pass.over.size > 0) return true
    pass = null
    return false
  }

  function leftOf(device: string | null): number {
    return (usage.byDevice.get(device)?.bytes ?? 0) - (removedOf.get(device) ?? 0)
  }

  /** Checks kept messages again; returns whether this round has more of them. */
  function sweep(now: number): boolean {
    const rows = rowsAfter(swept, cursor)
    for (const row of rows) {
      if (isOver()) return true
      swept = row.number
      if (row.isReferredTo || topics.stillKeeps(row, now)) continue
      if (!isAwaited(row) || !hasRoom()) remove(row, 'trimmed')
    }
    if (rows.length === ROWS_AT_ONCE) return true
    swept = 0
    topics.endRound()
    return false
  }

  function runPasses(now: number): boolean {
    while (trimOldest(now)) if (isOver()) return true
    while (trimShares(now)) if (isOver()) return true
    if (Math.abs(now - lastSweep) < SWEEP_MS) return false
    lastSweep = now
    while (sweep(now) && !isOver());
    return false
  }

  return {
    usage,
    state: () => ({ trimmed, thinned, usage: usage.isComplete ? { ...usage.total } : null }),
    stored(changes) {
      usage.stored(changes)
      for (const change of changes)
        if (forwarded && change[0] === 'meta' && change[1] === 'forwarded')
          passedOn = Number(change[2])
    },
    takeUnforwarded() {
      const count = unforwarded
      unforwarded = 0
      return count
    },
    step(now) {
      end = performance.now() + STEP_MS
      if (!usage.isComplete) {
        while (!usage.isComplete && !isOver()) usage.count()
        return true
      }
      removed = []
      removedBytes = 0
      removedUnforwarded = 0
      removedOf = new Map()
      highest = { trimmed, thinned }
      // nobody waits for this commit: it is flushed with the next message
      if (synchronous > 1) db.exec('PRAGMA synchronous = NORMAL')
      let isMore: boolean
      try {
        db.exec('BEGIN')
        isMore = runPasses(now)
        if (highest.trimmed > trimmed) writeMeta.run('trimmed', String(highest.trimmed))
        if (highest.thinned > thinned) writeMeta.run('thinned', String(highest.thinned))
        db.exec('COMMIT')
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      } finally {
        if (synchronous > 1) db.exec(`PRAGMA synchronous = ${synchronous}`)
      }
      ;({ trimmed, thinned } = highest)
      unforwarded += removedUnforwarded
      for (const { device, bytes } of removed) usage.add(device, -1, -bytes)
      return isMore
    },
  }
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

function readNumber(db: DatabaseSync, key: string, otherwise = 0): number {
  return Number(db.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.value ?? otherwise)
}
