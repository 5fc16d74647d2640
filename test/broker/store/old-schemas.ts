import { DatabaseSync } from 'node:sqlite'

/** The SQL that the first gateways ran, unchanged. */
const SCHEMA_1 = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  BEGIN;
  CREATE TABLE retained (
    topic TEXT PRIMARY KEY, payload BLOB, qos INTEGER, device TEXT, time INTEGER);
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, client TEXT, last_seen INTEGER, connected INTEGER);
  CREATE TABLE subscriptions (
    session INTEGER, filter TEXT, qos INTEGER, options TEXT, PRIMARY KEY (session, filter)
  ) WITHOUT ROWID;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, topic TEXT, payload BLOB, device TEXT, time INTEGER, stored INTEGER);
  CREATE TABLE queue (
    id INTEGER PRIMARY KEY, session INTEGER, message INTEGER, qos INTEGER, packet_id INTEGER);
  CREATE TABLE incoming (
    client TEXT, packet_id INTEGER, topic TEXT, device TEXT, time INTEGER,
    PRIMARY KEY (client, packet_id)) WITHOUT ROWID;
  CREATE TABLE wills (
    client TEXT PRIMARY KEY, broker TEXT, topic TEXT, payload BLOB, qos INTEGER, retain INTEGER,
    device TEXT, time INTEGER);
  CREATE TABLE probe (id INTEGER PRIMARY KEY, time INTEGER);
  PRAGMA application_id = 0x776f7474;
  PRAGMA user_version = 1;
  COMMIT;`

const SCHEMA_2 = SCHEMA_1.replace(
  'packet_id INTEGER);',
  `packet_id INTEGER,
    retain INTEGER DEFAULT 0);`,
).replace('user_version = 1', 'user_version = 2')

const SCHEMA_3 = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  BEGIN;
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
  CREATE TABLE probe (id INTEGER PRIMARY KEY, time INTEGER);
  PRAGMA application_id = 0x776f7474;
  PRAGMA user_version = 3;
  COMMIT;`

/**
 * Something of everything: 'd1/away' has left, 'd1/there' was connected. Away has one message sent with QoS 2, one released
 * and two unsent; both wait for the last one.
 */
const ROWS = `
  INSERT INTO retained VALUES
    ('a', x'31', 1, 'd1', 1700000000000), ('b', x'32', 0, NULL, NULL);
  INSERT INTO sessions VALUES (1, 'd1/away', :now, 0), (2, 'd1/there', 5, 1), (3, 'd2/old', 5, 0);
  INSERT INTO subscriptions VALUES
    (1, '#', 2, '{}'),
    (1, 'x', 1, '{"rh":0,"rap":true,"nl":true,"subscriptionIdentifier":5}'),
    (2, 'y/+', 0, '{"rh":0,"rap":false,"nl":false}');
  INSERT INTO messages VALUES
    (10, 'x', x'3130', 'd1', 1700000000000, :now),
    (12, 'y', x'3132', 'd2', 1700000000001, :now),
    (14, 'y', x'3134', NULL, NULL, :now);
  INSERT INTO queue (id, session, message, qos, packet_id) VALUES
    (11, 1, 10, 2, 77), (9, 1, NULL, 2, 78), (13, 1, 12, 1, NULL),
    (15, 1, 14, 1, NULL), (16, 2, 14, 2, NULL);
  INSERT INTO incoming VALUES
    ('d1/there', 7, 'x', 'd1', 1700000000000), ('d9/gone', 8, 'x', 'd9', 1700000000000);
  INSERT INTO wills VALUES
    ('d1/there', 'boot1', 'gone', x'3137', 1, 1, 'd1', 1700000000000),
    ('d3/clean', 'boot1', 'gone/too', x'3138', 0, 0, 'd3', NULL);
  INSERT INTO probe VALUES (1, 5);`

/** The same, with the fields that MQTT 5 added. */
const ROWS_3 = `
  INSERT INTO retained VALUES
    ('a', x'31', 1, 'd1', 1700000000000, '{"contentType":"text/plain"}', 9000000000000),
    ('b', x'32', 0, NULL, NULL, NULL, NULL);
  INSERT INTO sessions VALUES
    (1, 'd1/away', :now, 0, 3600), (2, 'd1/there', 5, 1, 3600), (3, 'd2/old', 5, 0, 3600);
  INSERT INTO subscriptions VALUES
    (1, '#', 2, '{}'),
    (1, 'x', 1, '{"rh":0,"rap":true,"nl":true,"subscriptionIdentifier":5}'),
    (2, 'y/+', 0, '{"rh":0,"rap":false,"nl":false}');
  INSERT INTO messages VALUES
    (10, 'x', x'3130', 'd1', 1700000000000, :now, NULL, NULL),
    (12, 'y', x'3132', 'd2', 1700000000001, :now, '{"contentType":"text/plain"}', 9000000000000),
    (14, 'y', x'3134', NULL, NULL, :now, NULL, NULL);
  INSERT INTO queue VALUES
    (11, 1, 10, 2, 77, 0, NULL), (9, 1, NULL, 2, 78, 0, NULL), (13, 1, 12, 1, NULL, 1, '[3,4]'),
    (15, 1, 14, 1, NULL, 0, NULL), (16, 2, 14, 2, NULL, 0, NULL);
  INSERT INTO incoming VALUES ('d1/there', 7), ('d9/gone', 8);
  INSERT INTO wills VALUES
    ('d1/there', 'gone', x'3137', 1, 1, NULL, NULL, 0, NULL),
    ('d3/clean', 'gone/too', x'3138', 0, 0, '{"contentType":"text/plain"}', 60, 5, NULL);
  INSERT INTO probe VALUES (1, 5);`

export type OldSchema = 1 | 2 | 3

/** Writes the store of an older gateway, with a row of every kind. */
export function writeOldStore(file: string, schema: OldSchema, now: number): void {
  const db = new DatabaseSync(file)
  db.exec({ 1: SCHEMA_1, 2: SCHEMA_2, 3: SCHEMA_3 }[schema])
  db.exec((schema === 3 ? ROWS_3 : ROWS).replaceAll(':now', String(now)))
  if (schema === 2) db.exec('UPDATE queue SET retain = 1 WHERE id = 13')
  db.close()
}

/** Turns a store into one of schema 6. */
export function asSchema6(file: string): void {
  const db = new DatabaseSync(file)
  db.exec(`DROP INDEX log_late; ALTER TABLE log DROP COLUMN own_time;
    DROP TABLE keys; DROP TABLE key_lines; PRAGMA user_version = 6`)
  db.close()
}

/** Turns a store into one of schema 4. */
export function asSchema4(file: string): void {
  asSchema6(file)
  const db = new DatabaseSync(file)
  db.exec(
    `ALTER TABLE log DROP COLUMN checksum; ALTER TABLE log DROP COLUMN stored;
    ALTER TABLE sessions DROP COLUMN floor; DROP TABLE audiences; DROP TABLE bundles;
    PRAGMA user_version = 4`,
  )
  db.close()
}
