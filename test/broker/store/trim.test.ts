import assert from 'node:assert/strict'
import type { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { ENTRY_BYTES, type Retention } from '../../../src/broker/store/retention.ts'
import { openSqliteFile } from '../../../src/broker/store/sqlite-file.ts'
import { createTrim, type Trim } from '../../../src/broker/store/sqlite-trim.ts'
import { temporaryDirectory } from './stores.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const RETENTION: Retention = {
  ageMs: 7 * DAY,
  bytes: 1e9,
  bytesPerDevice: 5e8,
  topicTtlMs: 30 * DAY,
  topics: 1_000,
}

const opened: DatabaseSync[] = []
after(() => {
  for (const db of opened) db.close()
})

interface Given {
  readonly topic?: string
  readonly device?: string
  readonly age: number
  readonly bytes?: number
}

/** A log of these messages, numbered from 1. */
function openLog(rows: readonly Given[]) {
  const { db } = openSqliteFile(temporaryDirectory(), { fsync: 'never' })
  opened.push(db)
  const append = db.prepare(
    'INSERT INTO log (number, topic, payload, qos, retain, device, time) VALUES (?, ?, ?, 1, 0, ?, ?)',
  )
  let number = 0
  const add = ({ topic = 't', device = 'd', age, bytes = 1 }: Given) => {
    number += 1
    const time = NOW - age
    append.run(number, topic, Buffer.alloc(bytes - topic.length), device, time)
    const characters = 'x'.repeat(bytes - topic.length)
    return ['append', number, topic, characters, 1, 0, device, time, null, null, null] as const
  }
  db.exec('BEGIN')
  for (const row of rows) add(row)
  db.exec('COMMIT')
  return {
    db,
    add,
    numbers: () =>
      db
        .prepare('SELECT number FROM log ORDER BY number')
        .all()
        .map(({ number }) => number),
  }
}

/** Trims until nothing is left to do `later`. A slow machine needs several parts, each a second after the other. */
function run(trim: Trim, later = 0): void {
  for (let round = 9; round >= 0; round--)
    for (let steps = 0; trim.step(NOW + later - (round % 2) * 1_000); steps++)
      assert.ok(steps < 10_000)
}

describe('trimming the log', () => {
  it('deletes messages past their age, except the latest of each topic', () => {
    const { db, numbers } = openLog([
      { topic: 'a', age: 9 * DAY },
      { topic: 'b', age: 9 * DAY },
      { topic: 'a', age: 8 * DAY },
      { topic: 'c', age: 8 * DAY },
      { topic: 'c', age: DAY },
    ])
    const trim = createTrim(db, RETENTION)
    run(trim)
    assert.deepEqual(numbers(), [2, 3, 5])
    assert.deepEqual(trim.state(), {
      trimmed: 4,
      thinned: 0,
      usage: { entries: 3, bytes: 3 * (ENTRY_BYTES + 1) },
    })
  })

  it('deletes the latest of a topic once that has expired or is replaced', () => {
    const { db, add, numbers } = openLog([
      { topic: 'a', age: 29 * DAY },
      { topic: 'b', age: 20 * DAY },
      { topic: 'c', age: 20 * DAY },
    ])
    const trim = createTrim(db, RETENTION)
    run(trim)
    assert.deepEqual(numbers(), [1, 2, 3])
    trim.usage.stored([add({ topic: 'b', age: 0 })])
    run(trim, 2 * DAY)
    assert.deepEqual(numbers(), [3, 4])
    assert.equal(trim.state().trimmed, 2)
    assert.equal(trim.usage.total.entries, 2)
  })

  it('counts age from when a message was stored, whatever the wall clock was', () => {
    const { db, numbers } = openLog([{ age: 30 * DAY }, { age: -30 * DAY }, { age: 0 }])
    db.prepare('UPDATE log SET stored = ?').run(NOW - DAY)
    const trim = createTrim(db, RETENTION)
    run(trim)
    assert.deepEqual(numbers(), [1, 2, 3])
    run(trim, 7 * DAY)
    assert.deepEqual(numbers(), [3])
  })

  describe('with messages to be forwarded to another broker', () => {
    const FORWARDED = { filters: ['out/#'], except: '$bridge' }
    const passedOn = (trim: Trim, number: number) =>
      trim.stored([['meta', 'forwarded', String(number)]])

    it('keeps messages past their age until they are forwarded', () => {
      const { db, numbers } = openLog([
        ...[1, 2, 3, 4].map(() => ({ topic: 'out/a', age: 9 * DAY, bytes: 9 })),
        { topic: 'out/a', age: DAY, bytes: 9 },
      ])
      db.exec("REPLACE INTO meta VALUES ('forwarded', '2')")
      const trim = createTrim(db, RETENTION, FORWARDED)
      run(trim)
      assert.deepEqual(numbers(), [3, 4, 5])
      passedOn(trim, 3)
      run(trim)
      assert.deepEqual(numbers(), [4, 5])
      assert.equal(trim.takeUnforwarded(), 0)
    })

    it('keeps them past the time of their topic', () => {
      const { db, numbers } = openLog([
        { topic: 'out/a', age: 29 * DAY, bytes: 9 },
        { topic: 'other', age: 29 * DAY, bytes: 9 },
      ])
      db.exec("REPLACE INTO meta VALUES ('forwarded', '2')")
      const trim = createTrim(db, RETENTION, FORWARDED)
      run(trim)
      // as after an older copy of the store was restored
      passedOn(trim, 0)
      run(trim, 2 * DAY)
      assert.deepEqual(numbers(), [1])
      passedOn(trim, 1)
      run(trim, 2 * DAY + MINUTE)
      assert.deepEqual(numbers(), [])
      assert.equal(trim.takeUnforwarded(), 0)
    })

    it('deletes them where there is no room, and counts those', () => {
      const bytes = 1_000
      const { db, numbers } = openLog([
        { topic: 'out/a', age: HOUR, bytes },
        { topic: 'out/a', age: HOUR, bytes },
        { topic: 'other', age: HOUR, bytes },
        { topic: 'out/a', device: '$bridge', age: HOUR, bytes },
        { topic: 'out/a', age: HOUR, bytes },
        { topic: 'other', age: HOUR, bytes },
      ])
      db.exec("REPLACE INTO meta VALUES ('forwarded', '1')")
      const trim = createTrim(db, { ...RETENTION, bytes: 1_200, topics: 0 }, FORWARDED)
      run(trim)
      assert.deepEqual(numbers(), [6])
      assert.equal(trim.takeUnforwarded(), 2)
      assert.equal(trim.takeUnforwarded(), 0)
    })

    it('counts those of a device with more than its share', () => {
      const bytes = 1_000
      const { db, numbers } = openLog(
        [1, 2, 3, 4].map(() => ({ topic: 'out/a', age: HOUR, bytes })),
      )
      db.exec("REPLACE INTO meta VALUES ('forwarded', '0')")
      const trim = createTrim(db, { ...RETENTION, bytesPerDevice: 3_400 }, FORWARDED)
      run(trim)
      assert.deepEqual(numbers(), [3, 4])
      assert.equal(trim.takeUnforwarded(), 2)
    })

    it('trims as usual once nothing is forwarded any more', () => {
      const { db, numbers } = openLog([
        { topic: 'out/a', age: 9 * DAY, bytes: 9 },
        { topic: 'out/a', age: DAY, bytes: 9 },
      ])
      db.exec("REPLACE INTO meta VALUES ('forwarded', '0')")
      run(createTrim(db, RETENTION))
      assert.deepEqual(numbers(), [2])
    })
  })

  it('keeps messages while they are retained or in a queue', () => {
    const { db, numbers } = openLog([
      { age: 40 * DAY },
      { age: 40 * DAY },
      { age: 40 * DAY },
      { age: DAY },
    ])
    db.exec("INSERT INTO retained VALUES ('t', 1); INSERT INTO queue (id, message) VALUES (1, 2)")
    const trim = createTrim(db, RETENTION)
    run(trim)
    assert.deepEqual(numbers(), [1, 2, 4])
    db.exec('DELETE FROM queue')
    run(trim, MINUTE)
    assert.deepEqual(numbers(), [1, 4])
    db.exec('DELETE FROM retained')
    run(trim, 2 * MINUTE)
    assert.deepEqual(numbers(), [4])
  })

  it('deletes the oldest beyond the bound of bytes, but nothing of the last minute', () => {
    const rows = Array.from({ length: 100 }, (_, n) => ({ age: (100 - n) * 1_000, bytes: 900 }))
    const { db, numbers } = openLog(rows)
    const trim = createTrim(db, { ...RETENTION, bytes: 50 * 1_000 })
    run(trim)
    // messages of 60 s and more may go, and 50 fit
    assert.equal(numbers().length, 59)
    run(trim, MINUTE)
    assert.equal(numbers().length, 50)
    assert.equal(trim.state().usage?.bytes, 50 * 1_000)
  })

  it('counts messages that are stored while it runs', () => {
    const { db, add, numbers } = openLog([])
    const trim = createTrim(db, { ...RETENTION, bytes: 10 * 1_000 })
    for (let n = 0; n < 30; n++) trim.usage.stored([add({ age: HOUR, bytes: 900 })])
    run(trim)
    assert.deepEqual(numbers(), [21, 22, 23, 24, 25, 26, 27, 28, 29, 30])
  })

  it('deletes only from a device that has more than its share', () => {
    const rows = Array.from({ length: 200 }, (_, n) => ({
      age: DAY,
      bytes: 900,
      ...(n % 2 === 0
        ? { topic: 'loud', device: 'loud' }
        : { topic: `q${n % 20}`, device: 'quiet' }),
    }))
    const { db } = openLog(rows)
    const trim = createTrim(db, { ...RETENTION, bytes: 160 * 1_000, bytesPerDevice: 80 * 1_000 })
    const first = createTrim(db, { ...RETENTION, bytes: 1e6, bytesPerDevice: 99_999 })
    run(first)
    const left = (device: string) =>
      db.prepare('SELECT count(*) AS n FROM log WHERE device = ?').get(device)?.n
    assert.deepEqual([left('loud'), left('quiet')], [87, 87])
    assert.ok(first.state().thinned > 0)
    assert.equal(first.state().trimmed, 0)
    run(trim)
    assert.deepEqual([left('loud'), left('quiet')], [70, 70])
  })

  it('keeps the latest of a topic however much another device sends', () => {
    const flood = Array.from({ length: 500 }, () => ({
      topic: 'flood',
      device: 'loud',
      age: HOUR,
      bytes: 900,
    }))
    const { db, numbers } = openLog([{ topic: 'quiet', device: 'q', age: DAY, bytes: 9 }, ...flood])
    run(createTrim(db, { ...RETENTION, bytes: 100 * 1_000 }))
    assert.equal(numbers()[0], 1)
    assert.ok(numbers().length <= 101)
  })

  it('bounds the topics whose latest it keeps, with half of them for one device at most', () => {
    const topics = (device: string) =>
      Array.from({ length: 80 }, (_, n) => ({
        topic: `${device}${n}`,
        device,
        age: 8 * DAY,
        bytes: 9,
      }))
    const { db, numbers } = openLog([...topics('a'), ...topics('b'), ...topics('c')])
    run(createTrim(db, { ...RETENTION, topics: 100 }))
    assert.equal(numbers().length, 100)
    run(createTrim(db, { ...RETENTION, topics: 60 }), MINUTE)
    assert.equal(numbers().length, 60)
  })

  it('continues where it stopped, and remembers what it deleted', () => {
    const { db, numbers } = openLog([
      { topic: 'a', age: 9 * DAY },
      { topic: 'b', age: 9 * DAY },
      { topic: 'a', age: 8 * DAY },
    ])
    run(createTrim(db, RETENTION))
    const again = createTrim(db, RETENTION)
    assert.equal(again.state().trimmed, 1)
    run(again, 23 * DAY)
    assert.deepEqual(numbers(), [])
    assert.equal(again.state().trimmed, 3)
    assert.deepEqual(again.state().usage, { entries: 0, bytes: 0 })
  })
})
