import { renameSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { exists } from '../../disk/exists.ts'
import { syncDirectoryNow } from '../../disk/files.ts'
import type { LogRow, MetaKey } from './changes.ts'
import { checksumOf } from './checksum.ts'
import { type OldHistory, oldHistoryFile, openOldHistory } from './old-history.ts'
import { CREATE_TABLES, UPGRADES_BEFORE_LOG, UPGRADES_OF_LOG, WRITE } from './sqlite-statements.ts'

/** The first schema with a log. */
const LOG_SCHEMA = UPGRADES_BEFORE_LOG.length + 2
export const SCHEMA_VERSION = LOG_SCHEMA + UPGRADES_OF_LOG.length

/** The result of moving the history file of an older gateway into the log. */
export interface TakenOver {
  readonly file: string
  /** Messages that were moved. */
  readonly messages: number
  /** The damaged lines of the file, of which the first are named by number, and the number of messages that are missing. */
  readonly damagedLines: readonly number[]
  readonly damaged: number
  readonly missing: number
}

/** The most damaged lines that are named. */
const NAMED_LINES = 20
/** Added to the file's name if something in it is damaged. */
const DAMAGED = '.damaged'

/**
 * Upgrades the database in `directory` to the current schema, in the open transaction; `version` is 0 for a new one. Moves the
 * messages of a history file into the log.
 */
export function upgrade(db: DatabaseSync, version: number, directory: string): TakenOver | null {
  if (version >= LOG_SCHEMA) {
    db.exec(UPGRADES_OF_LOG.slice(version - LOG_SCHEMA).join(''))
    return null
  }
  const file = oldHistoryFile(directory)
  using history = openOldHistory(file)
  if (version === 0) db.exec(CREATE_TABLES)
  else {
    const before = UPGRADES_BEFORE_LOG.slice(version - 1)
    db.exec([...before, CREATE_LOG, ...UPGRADES_OF_LOG].join(''))
  }
  // messages that are not in the history are older than those in it
  const waiting = version === 0 ? 0 : numberIn(db, 'SELECT max(id) FROM messages')
  const retained = version === 0 ? 0 : numberIn(db, 'SELECT count(*) FROM retained')
  const taken = history && takeOver(db, history, waiting + retained)
  if (version !== 0) {
    db.exec(MOVE_MESSAGES)
    db.exec(moveRetained(waiting))
  }
  if (taken === null) return null
  writeMeta(db, 'historyFile', taken.damaged + taken.missing > 0 ? DAMAGED : '')
  return { file, ...taken }
}

/** Removes the history file once its messages are stored and flushed. */
export function removeOldHistory(db: DatabaseSync, directory: string): void {
  const ending = db.prepare("SELECT value FROM meta WHERE key = 'historyFile'").get()?.value
  if (ending === undefined) return
  const file = oldHistoryFile(directory)
  // it is missing if the last start ended here
  if (exists(file)) {
    if (ending === DAMAGED) renameSync(file, file + DAMAGED)
    else unlinkSync(file)
    syncDirectoryNow(dirname(file))
  }
  db.exec("DELETE FROM meta WHERE key = 'historyFile'")
}

/** Writes the messages with `offset` added to their numbers, and the data to translate their old ids. */
function takeOver(
  db: DatabaseSync,
  { head, entries }: OldHistory,
  offset: number,
): Omit<TakenOver, 'file'> {
  const append = db.prepare(WRITE.append)
  const damagedLines: number[] = []
  let damaged = 0
  let messages = 0
  let last = head?.forgotten ?? 0
  let trimmed = last
  /** Messages up to this number may be missing. */
  let thinned = 0
  let isAfterDamage = false
  for (const entry of entries()) {
    if ('damagedLine' in entry) {
      damaged += 1
      isAfterDamage = true
      if (damagedLines.length < NAMED_LINES) damagedLines.push(entry.damagedLine)
      continue
    }
    const [number, ...columns] = entry.row
    if (head === null && messages === 0) trimmed = number - 1
    if (isAfterDamage) thinned = number - 1
    isAfterDamage = false
    const row: LogRow = [number + offset, ...columns]
    append.run(...row, checksumOf(row), row[6])
    last = number
    messages += 1
  }
  const missing = Math.max(0, (head?.count ?? 0) - messages - damaged)
  const latest = head?.latest ?? last
  if (isAfterDamage || missing > 0) thinned = latest
  if (head === null) {
    damaged += 1
    damagedLines.unshift(1)
  } else {
    writeMeta(db, 'oldEpoch', head.epoch)
    writeMeta(db, 'oldOffset', offset)
    writeMeta(db, 'oldLatest', latest)
  }
  writeMeta(db, 'trimmed', trimmed + offset)
  if (thinned > 0) writeMeta(db, 'thinned', thinned + offset)
  // all new messages get higher numbers
  writeMeta(db, 'mark', latest + offset)
  return { messages, damagedLines, damaged, missing }
}

function writeMeta(db: DatabaseSync, key: MetaKey, value: string | number): void {
  db.prepare(WRITE.meta).run(key, String(value))
}

function numberIn(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(`SELECT coalesce((${sql}), 0) AS n`).get()?.n)
}

const CREATE_LOG = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
  CREATE TABLE log (
    number INTEGER PRIMARY KEY, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER, device TEXT,
    time INTEGER, properties TEXT, expires INTEGER);
  CREATE INDEX log_by_topic ON log (topic, number);
  CREATE INDEX log_by_time ON log (topic, time);`

/** The columns that older gateways stored for a message. */
const COLUMNS = 'number, topic, payload, qos, retain, device, time, properties, expires'

/** Whether two rows are the same message. */
const IS_SAME =
  'l.topic = b.topic AND l.time = b.time AND l.device IS b.device AND l.payload = b.payload'

/** Puts each waiting message into the log once: its row in the history or, if it has none there, a row with its own number. */
const MOVE_MESSAGES = `
  ALTER TABLE queue ADD COLUMN since INTEGER;
  UPDATE queue SET since = (SELECT stored FROM messages WHERE id = queue.message);
  CREATE TABLE moved (id INTEGER PRIMARY KEY, number INTEGER);
  INSERT INTO moved SELECT b.id, max(l.number) FROM messages b JOIN log l ON ${IS_SAME} GROUP BY b.id;
  UPDATE queue SET message = (SELECT number FROM moved WHERE id = queue.message)
    WHERE message IN (SELECT id FROM moved);
  INSERT INTO log (${COLUMNS}) SELECT id, topic, payload, 1, 0, device, coalesce(time, stored), properties, expires
    FROM messages WHERE id NOT IN (SELECT id FROM moved);
  DROP TABLE moved;
  DROP TABLE messages;
  CREATE INDEX queue_by_message ON queue (message);`

/** Puts each retained message into the log once: it may be there as history, or as a queued message (up to `waiting`), or it is added. */
function moveRetained(waiting: number): string {
  return `
    ALTER TABLE retained RENAME TO retained_before;
    CREATE TABLE retained (topic TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
    INSERT INTO retained SELECT b.topic, max(l.number) FROM retained_before b JOIN log l ON ${IS_SAME}
      WHERE l.retain = 1 OR l.number <= ${waiting} GROUP BY b.topic;
    UPDATE log SET retain = 1, qos = b.qos, checksum = NULL FROM retained r, retained_before b
      WHERE log.number = r.number AND b.topic = r.topic AND (log.retain <> 1 OR log.qos <> b.qos);
    CREATE TABLE rest AS SELECT topic, ${waiting} + row_number() OVER (ORDER BY time, topic) AS number
      FROM retained_before WHERE topic NOT IN (SELECT topic FROM retained);
    INSERT INTO retained SELECT topic, number FROM rest;
    INSERT INTO log (${COLUMNS}) SELECT r.number, b.topic, b.payload, b.qos, 1, b.device, coalesce(b.time, 0),
      b.properties, b.expires FROM rest r JOIN retained_before b ON b.topic = r.topic;
    DROP TABLE rest;
    DROP TABLE retained_before;
    DROP INDEX log_by_time;`
}
