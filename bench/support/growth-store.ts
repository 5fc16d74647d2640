import { openSqliteFile } from '../../src/broker/store/sqlite-file.ts'

export const TOPICS = 1_000
export const QUEUED = 10_000
/** Milliseconds between two messages. */
export const STEP_MS = 100
export const EPOCH = 'abc'

/** The topic of the first tenth of the messages. */
export const LARGE_TOPIC = 'big/t'

export const topicOf = (n: number): string => `bench/${n % TOPICS}/t`
export const deviceOf = (n: number): string => `d${n % 100}.d.wott.local`

/**
 * Fills a store with JSON messages that have a number: a tenth on one topic, then the others on 1,000 topics. The last message of
 * each topic is retained, and 10,000 messages are queued for a session. The messages are `step` milliseconds apart, and the last
 * one is two minutes old.
 */
export function fillStore(directory: string, entries: number, bytes: number, step = STEP_MS): void {
  const { db } = openSqliteFile(directory, { fsync: 'never' })
  const append = db.prepare(
    'INSERT INTO log (number, topic, payload, qos, retain, device, time) VALUES (?, ?, ?, 1, 0, ?, ?)',
  )
  const start = Date.now() - entries * step - 120_000
  for (let number = 1; number <= entries; number++) {
    if (number % 10_000 === 1) db.exec('BEGIN')
    const payload = Buffer.from(`{"t":${number % 97}.5,"x":""}`.padEnd(bytes))
    const topic = number <= entries / 10 ? LARGE_TOPIC : topicOf(number)
    append.run(number, topic, payload, deviceOf(number), start + number * step)
    if (number % 10_000 === 0 || number === entries) db.exec('COMMIT')
  }
  db.exec(`
    BEGIN;
    INSERT INTO meta VALUES ('epoch', '${EPOCH}'), ('clean', '1'), ('mark', '${entries}');
    INSERT INTO retained SELECT topic, max(number) FROM log GROUP BY topic;
    INSERT INTO sessions VALUES (1, 'd1.d.wott.local/away', ${Date.now()}, 0, 604800, 0);
    INSERT INTO queue (id, session, message, qos, packet_id, since)
      SELECT number, 1, number, 1, 0, time FROM log ORDER BY number DESC LIMIT ${QUEUED};
    COMMIT`)
  db.close()
}
