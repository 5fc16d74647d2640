import type { ChangeName, RestoredName } from './changes.ts'

/** Times are milliseconds since the Unix epoch. */
export const CREATE_TABLES = `
  CREATE TABLE retained (
    topic TEXT PRIMARY KEY, payload BLOB, qos INTEGER, device TEXT, time INTEGER,
    properties TEXT, expires INTEGER);
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, client TEXT, last_seen INTEGER, connected INTEGER, expiry INTEGER);
  CREATE TABLE subscriptions (
    session INTEGER, filter TEXT, qos INTEGER, options TEXT, PRIMARY KEY (session, filter)
  ) WITHOUT ROWID;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, topic TEXT, payload BLOB, device TEXT, time INTEGER, stored INTEGER,
    properties TEXT, expires INTEGER);
  CREATE TABLE queue (
    id INTEGER PRIMARY KEY, session INTEGER, message INTEGER, qos INTEGER, packet_id INTEGER,
    retain INTEGER DEFAULT 0, identifiers TEXT);
  CREATE TABLE incoming (
    client TEXT, packet_id INTEGER, PRIMARY KEY (client, packet_id)) WITHOUT ROWID;
  CREATE TABLE wills (
    client TEXT PRIMARY KEY, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER,
    properties TEXT, message_expiry INTEGER, delay INTEGER, due INTEGER);
  CREATE TABLE probe (id INTEGER PRIMARY KEY, time INTEGER);`

/** What makes a store of schema 1 one of schema 2, and so on. */
export const UPGRADES: readonly string[] = [
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

/** How each change is written. Every statement may run again: a change is retried until it is stored. */
export const WRITE: Record<ChangeName, string> = {
  retain: 'REPLACE INTO retained VALUES (?, ?, ?, ?, ?, ?, ?)',
  unretain: 'DELETE FROM retained WHERE topic = ?',
  session: 'REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)',
  touch: 'UPDATE sessions SET last_seen = ?, connected = ?, expiry = ? WHERE id = ?',
  dropSession: 'DELETE FROM sessions WHERE id = ?',
  subscribe: 'REPLACE INTO subscriptions VALUES (?, ?, ?, ?)',
  unsubscribe: 'DELETE FROM subscriptions WHERE session = ? AND filter = ?',
  dropSubscriptions: 'DELETE FROM subscriptions WHERE session = ?',
  message: 'REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  dropMessage: 'DELETE FROM messages WHERE id = ?',
  enqueue: 'REPLACE INTO queue VALUES (?, ?, ?, ?, ?, ?, ?)',
  sent: 'UPDATE queue SET packet_id = ? WHERE id = ?',
  released: 'UPDATE queue SET message = NULL, packet_id = ? WHERE id = ?',
  dequeue: 'DELETE FROM queue WHERE id = ?',
  receive: 'REPLACE INTO incoming VALUES (?, ?)',
  forget: 'DELETE FROM incoming WHERE client = ? AND packet_id = ?',
  forgetAll: 'DELETE FROM incoming WHERE client = ?',
  will: 'REPLACE INTO wills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  dueWill: 'UPDATE wills SET due = ? WHERE client = ?',
  dropWill: 'DELETE FROM wills WHERE client = ?',
  probe: 'REPLACE INTO probe VALUES (1, ?)',
}

/** Takes out what a crash left behind of changes that nobody waited for. */
export const CLEAN_UP = `
  DELETE FROM subscriptions WHERE session NOT IN (SELECT id FROM sessions);
  DELETE FROM queue WHERE session NOT IN (SELECT id FROM sessions);
  DELETE FROM queue WHERE message IS NOT NULL AND message NOT IN (SELECT id FROM messages);
  DELETE FROM incoming WHERE client NOT IN (SELECT client FROM sessions);
  DELETE FROM messages WHERE id NOT IN (SELECT message FROM queue WHERE message IS NOT NULL);`

/** Everything stored, in the words and the order of `Restore`. */
export const READ: [RestoredName, string][] = [
  ['session', 'SELECT id, client, last_seen, connected, expiry FROM sessions'],
  ['subscribe', 'SELECT session, filter, qos, options FROM subscriptions'],
  [
    'message',
    'SELECT id, topic, payload, device, time, stored, properties, expires FROM messages ORDER BY id',
  ],
  [
    'enqueue',
    'SELECT id, session, message, qos, packet_id, retain, identifiers FROM queue ORDER BY id',
  ],
  ['receive', 'SELECT client, packet_id FROM incoming'],
  [
    'will',
    'SELECT client, topic, payload, qos, retain, properties, message_expiry, delay, due FROM wills',
  ],
  ['retain', 'SELECT topic, payload, qos, device, time, properties, expires FROM retained'],
]
