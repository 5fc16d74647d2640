import { IS_LATE } from '../../topic/time.ts'
import type { ChangeName, RestoredName } from './changes.ts'

/** The SQL condition for a late row: SQLite uses the index only for queries with exactly this condition. */
const LATE = IS_LATE('own_time', 'time')
/** An index of late messages only, so that it costs nothing for the others. */
const INDEX_LATE = `CREATE INDEX log_late ON log (own_time) WHERE ${LATE};`

/** Requests with an idempotency key, and their lines whose readings are published, until there is an answer. */
const CREATE_KEYS = `
  CREATE TABLE keys (
    id INTEGER PRIMARY KEY, device TEXT, key TEXT, fingerprint TEXT, expires INTEGER, answer TEXT);
  CREATE TABLE key_lines (key INTEGER, line INTEGER, PRIMARY KEY (key, line)) WITHOUT ROWID;`

/**
 * Times are milliseconds by the store's clock, except two times of a message: `time`, when the gateway received it, by the
 * system's clock, and `own_time`, when its device says that it was measured. `stored` is when it was added to the log.
 */
export const CREATE_TABLES = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
  CREATE TABLE log (
    number INTEGER PRIMARY KEY, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER, device TEXT,
    time INTEGER, properties TEXT, expires INTEGER, stored INTEGER, checksum INTEGER,
    own_time INTEGER);
  CREATE INDEX log_by_topic ON log (topic, number);
  ${INDEX_LATE}
  CREATE TABLE retained (topic TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, client TEXT, last_seen INTEGER, connected INTEGER, expiry INTEGER,
    floor INTEGER DEFAULT 0);
  CREATE TABLE subscriptions (
    session INTEGER, filter TEXT, qos INTEGER, options TEXT, PRIMARY KEY (session, filter)
  ) WITHOUT ROWID;
  CREATE TABLE queue (
    id INTEGER PRIMARY KEY, session INTEGER, message INTEGER, qos INTEGER, packet_id INTEGER,
    retain INTEGER DEFAULT 0, identifiers TEXT, since INTEGER);
  CREATE INDEX queue_by_message ON queue (message);
  CREATE TABLE audiences (id INTEGER PRIMARY KEY, sessions TEXT);
  CREATE TABLE bundles (
    id INTEGER PRIMARY KEY, last INTEGER, audience INTEGER, message INTEGER, qos INTEGER,
    retain INTEGER, identifiers TEXT, since INTEGER);
  CREATE INDEX bundles_by_message ON bundles (message);
  CREATE TABLE incoming (
    client TEXT, packet_id INTEGER, PRIMARY KEY (client, packet_id)) WITHOUT ROWID;
  CREATE TABLE wills (
    client TEXT PRIMARY KEY, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER,
    properties TEXT, message_expiry INTEGER, delay INTEGER, due INTEGER);
  CREATE TABLE probe (id INTEGER PRIMARY KEY, time INTEGER);
  ${CREATE_KEYS}`

/** The upgrades from schema 1 to 2, and from 2 to 3. */
export const UPGRADES_BEFORE_LOG: readonly string[] = [
  'ALTER TABLE queue ADD COLUMN retain INTEGER DEFAULT 0;',
  `ALTER TABLE retained ADD COLUMN properties TEXT;
   ALTER TABLE retained ADD COLUMN expires INTEGER;
   ALTER TABLE sessions ADD COLUMN expiry INTEGER;
   ALTER TABLE messages ADD COLUMN properties TEXT;
   ALTER TABLE messages ADD COLUMN expires INTEGER;
   ALTER TABLE queue ADD COLUMN identifiers TEXT;
   ALTER TABLE incoming DROP COLUMN topic;
   ALTER TABLE incoming DROP COLUMN device;
   ALTER TABLE incoming DROP COLUMN time;
   ALTER TABLE wills DROP COLUMN broker;
   ALTER TABLE wills DROP COLUMN device;
   ALTER TABLE wills DROP COLUMN time;
   ALTER TABLE wills ADD COLUMN properties TEXT;
   ALTER TABLE wills ADD COLUMN message_expiry INTEGER;
   ALTER TABLE wills ADD COLUMN delay INTEGER DEFAULT 0;
   ALTER TABLE wills ADD COLUMN due INTEGER;`,
]

/** The upgrades of a store with a log, which begins with schema 4, to 5 and so on. */
export const UPGRADES_OF_LOG: readonly string[] = [
  // existing rows get no checksum: calculating them would take longer than a start may
  'ALTER TABLE log ADD COLUMN stored INTEGER; ALTER TABLE log ADD COLUMN checksum INTEGER;',
  `CREATE TABLE audiences (id INTEGER PRIMARY KEY, sessions TEXT);
   CREATE TABLE bundles (
     id INTEGER PRIMARY KEY, last INTEGER, audience INTEGER, message INTEGER, qos INTEGER,
     retain INTEGER, identifiers TEXT, since INTEGER);
   CREATE INDEX bundles_by_message ON bundles (message);
   ALTER TABLE sessions ADD COLUMN floor INTEGER DEFAULT 0;`,
  `ALTER TABLE log ADD COLUMN own_time INTEGER;
   ${INDEX_LATE}
   ${CREATE_KEYS}`,
]

/** The columns of a `CheckedRow`. */
export const LOG_COLUMNS =
  'number, topic, payload, qos, retain, device, time, properties, expires, own_time, checksum'

/** The statement that writes each change. Each can run twice: a change is retried until it is stored. */
export const WRITE: Record<ChangeName, string> = {
  append: `REPLACE INTO log (${LOG_COLUMNS}, stored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  meta: 'REPLACE INTO meta VALUES (?, ?)',
  retain: 'REPLACE INTO retained VALUES (?, ?)',
  unretain: 'DELETE FROM retained WHERE topic = ?',
  session: 'REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, 0)',
  floor: 'UPDATE sessions SET floor = ? WHERE id = ?',
  touch: 'UPDATE sessions SET last_seen = ?, connected = ?, expiry = ? WHERE id = ?',
  dropSession: 'DELETE FROM sessions WHERE id = ?',
  subscribe: 'REPLACE INTO subscriptions VALUES (?, ?, ?, ?)',
  unsubscribe: 'DELETE FROM subscriptions WHERE session = ? AND filter = ?',
  dropSubscriptions: 'DELETE FROM subscriptions WHERE session = ?',
  enqueue: 'REPLACE INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  audience: 'REPLACE INTO audiences VALUES (?, ?)',
  dropAudience: 'DELETE FROM audiences WHERE id = ?',
  bundle: 'REPLACE INTO bundles VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  dropBundle: 'DELETE FROM bundles WHERE id = ?',
  takeCopy: 'REPLACE INTO queue (id) VALUES (?)',
  dropCopies: 'DELETE FROM queue WHERE id BETWEEN ? AND ?',
  sent: 'UPDATE queue SET packet_id = ? WHERE id = ?',
  released: 'UPDATE queue SET message = NULL, packet_id = ? WHERE id = ?',
  dequeue: 'DELETE FROM queue WHERE id = ?',
  receive: 'REPLACE INTO incoming VALUES (?, ?)',
  forget: 'DELETE FROM incoming WHERE client = ? AND packet_id = ?',
  forgetAll: 'DELETE FROM incoming WHERE client = ?',
  will: 'REPLACE INTO wills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  dueWill: 'UPDATE wills SET due = ? WHERE client = ?',
  dropWill: 'DELETE FROM wills WHERE client = ?',
  // written in the commit of each line of its request; the answer is written after all of them
  key: 'REPLACE INTO keys VALUES (?, ?, ?, ?, ?, NULL)',
  keyLine: 'REPLACE INTO key_lines VALUES (?, ?)',
  keyAnswer: 'UPDATE keys SET answer = ? WHERE id = ?',
  dropKey: 'DELETE FROM keys WHERE id = ?',
  dropKeyLines: 'DELETE FROM key_lines WHERE key = ?',
  probe: 'REPLACE INTO probe VALUES (1, ?)',
}

/** Removes what a crash left behind of changes that nobody waited for. */
export const CLEAN_UP = `
  DELETE FROM subscriptions WHERE session NOT IN (SELECT id FROM sessions);
  DELETE FROM queue WHERE session NOT IN (SELECT id FROM sessions);
  DELETE FROM queue WHERE message IS NOT NULL AND message NOT IN (SELECT number FROM log);
  DELETE FROM bundles WHERE message NOT IN (SELECT number FROM log);
  DELETE FROM queue WHERE session IS NULL AND id > coalesce(
    (SELECT last FROM bundles WHERE bundles.id <= queue.id ORDER BY bundles.id DESC LIMIT 1), 0);
  DELETE FROM audiences WHERE id NOT IN (SELECT audience FROM bundles);
  DELETE FROM retained WHERE number NOT IN (SELECT number FROM log);
  DELETE FROM incoming WHERE client NOT IN (SELECT client FROM sessions);
  DELETE FROM key_lines WHERE key NOT IN (SELECT id FROM keys);`

const IN_RANGE = 'number > ? AND number <= ?'
/** Reads a range of the log, of all topics or of one, from either end. */
export const READ_LOG = {
  all: { ASC: readLog(IN_RANGE, 'ASC'), DESC: readLog(IN_RANGE, 'DESC') },
  one: {
    ASC: readLog(`${IN_RANGE} AND topic = ?`, 'ASC'),
    DESC: readLog(`${IN_RANGE} AND topic = ?`, 'DESC'),
  },
}

function readLog(where: string, order: 'ASC' | 'DESC'): string {
  return `SELECT ${LOG_COLUMNS} FROM log WHERE ${where} ORDER BY number ${order}`
}

/** Reads late rows: of one time from a number on, and of a span of times. */
export const READ_LATE = {
  same: {
    ASC: readLate('own_time = ? AND number > ?', 'ASC'),
    DESC: readLate('own_time = ? AND number < ?', 'DESC'),
  },
  others: {
    ASC: readLate('own_time > ? AND own_time < ?', 'ASC'),
    DESC: readLate('own_time > ? AND own_time < ?', 'DESC'),
  },
}

function readLate(where: string, order: 'ASC' | 'DESC'): string {
  return `SELECT ${LOG_COLUMNS} FROM log WHERE ${LATE} AND ${where} ORDER BY own_time ${order}, number ${order}`
}

/** Goes from topic to topic by the index: grouping would read the whole log at once. */
export const READ_TOPICS = {
  next: 'SELECT topic FROM log WHERE topic > ? ORDER BY topic LIMIT 1',
  latest: `SELECT ${LOG_COLUMNS} FROM log WHERE topic = ? ORDER BY number DESC LIMIT 1`,
}

/** The first rows after a number. */
export const CHECK_LOG = `SELECT ${LOG_COLUMNS} FROM log WHERE number > ? ORDER BY number LIMIT 64`

/** Finds the place of a time in the log. */
export const SPLIT_LOG = {
  // two subqueries, because min and max in one query would read the whole log
  bounds: `SELECT coalesce((SELECT min(number) FROM log), 0),
    coalesce((SELECT max(number) FROM log), 0)`,
  from: 'SELECT number, time FROM log WHERE number >= ? ORDER BY number LIMIT 1',
  before: 'SELECT coalesce(max(number), 0) FROM log WHERE number < ?',
}

/** All rows except the log, with the names and in the order of `Restore`. */
export const READ: [RestoredName, string][] = [
  [
    'meta',
    "SELECT key, value FROM meta UNION ALL SELECT 'last', coalesce(max(number), 0) FROM log",
  ],

  ['session', 'SELECT id, client, last_seen, connected, expiry, floor FROM sessions'],
  ['subscribe', 'SELECT session, filter, qos, options FROM subscriptions'],
  [
    'message',
    `SELECT ${LOG_COLUMNS} FROM log
     WHERE number IN (
       SELECT message FROM queue WHERE message IS NOT NULL UNION SELECT message FROM bundles)
     ORDER BY number`,
  ],
  ['audience', 'SELECT id, sessions FROM audiences'],
  [
    'bundle',
    'SELECT id, last, audience, message, qos, retain, identifiers, since FROM bundles ORDER BY id',
  ],
  [
    'enqueue',
    'SELECT id, session, message, qos, packet_id, retain, identifiers, since FROM queue ORDER BY id',
  ],
  ['receive', 'SELECT client, packet_id FROM incoming'],
  [
    'will',
    'SELECT client, topic, payload, qos, retain, properties, message_expiry, delay, due FROM wills',
  ],
  ['retain', `SELECT ${LOG_COLUMNS} FROM log WHERE number IN (SELECT number FROM retained)`],
  ['key', 'SELECT id, device, key, fingerprint, expires, answer FROM keys ORDER BY id'],
  ['keyLine', 'SELECT key, line FROM key_lines'],
]
