import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, mock, test } from 'node:test'
import type { Delivery } from '../../../src/broker/delivery.ts'
import { copyOf, createTally, openFile, openManual, temporaryDirectory } from './stores.ts'
import type { TestBroker } from './test-broker.ts'

const MIB = 1024 * 1024
const qos0 = { qos: 0 } as const

/** The numbers of all deliveries. */
async function numbersOf({ broker }: TestBroker): Promise<number[]> {
  const numbers: number[] = []
  await broker.subscribe(['#'], ({ sequence }) => numbers.push(sequence))
  return numbers
}

/** All messages of the log after a number. */
async function readAll(
  { store }: TestBroker,
  after = 0,
  filters: readonly string[] = ['#'],
): Promise<Delivery[]> {
  const found: Delivery[] = []
  for (let reached = after; reached < 1e15; ) {
    const page = await store.log.read({ after: reached, upTo: 1e15, filters })
    found.push(...page.deliveries)
    assert.ok(page.reached > reached, `it reached ${page.reached} after ${reached}`)
    reached = page.reached
  }
  return found
}

const payloads = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ payload }) => String(payload))

describe('the log', () => {
  test('holds every message once, in the order and with the number of its delivery', async () => {
    const directory = temporaryDirectory()
    const at = await openFile(directory)
    const numbers = await numbersOf(at)
    const work = Array.from({ length: 300 }, (_, n) =>
      at.publish(`t/${n % 7}`, `${n}`, { qos: (n % 3) as 0 | 1 | 2, retain: n % 5 === 0 }),
    )
    await Promise.all(work)
    const found = await readAll(at)
    assert.deepEqual(
      found.map(({ sequence }) => sequence),
      numbers,
    )
    assert.equal(new Set(payloads(found)).size, 300)
    for (let topic = 0; topic < 7; topic++) {
      const own = payloads(await readAll(at, 0, [`t/${topic}`])).map(Number)
      assert.deepEqual(
        own,
        own.toSorted((a, b) => a - b),
      )
    }
    await at.broker.close()
    assert.deepEqual(await readAll(await openFile(directory)), found)
  })

  test('writes messages of QoS 0 to disk within a second', async () => {
    const { next, publish } = await openManual()
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      for (const payload of ['1', '2']) await publish('a', payload, qos0)
      mock.timers.tick(1_000)
      const { changes, done } = await next()
      assert.deepEqual(
        changes.map(([name, number, topic, characters]) => [name, number, topic, characters]),
        [
          ['append', 1, 'a', '1'],
          ['append', 2, 'a', '2'],
        ],
      )
      done()
    } finally {
      mock.timers.reset()
    }
  })

  test('stores messages of QoS 0 before a later one of QoS 1', async () => {
    const directory = temporaryDirectory()
    const at = await openFile(directory)
    await at.publish('a', 'noted', { qos: 0, retain: true })
    await at.publish('a', 'stored', { qos: 1, retain: true })
    await at.publish('b', 'stored', { qos: 1, retain: true })
    await at.publish('b', 'noted', { qos: 0, retain: true })
    await at.broker.close()
    const again = await openFile(directory)
    const kept = (await again.broker.retained('#')).map(({ topic, payload }) => [
      topic,
      `${payload}`,
    ])
    assert.deepEqual(kept.sort(), [
      ['a', 'stored'],
      ['b', 'noted'],
    ])
    assert.deepEqual(payloads(await readAll(again)), ['noted', 'stored', 'stored', 'noted'])
  })

  test('is read only once earlier deliveries are on disk', async () => {
    const at = await openManual()
    const stored = at.publish('a', '1', { qos: 1, retain: true })
    // it waits for the message before it, but not for a commit of its own
    const noted = at.publish('a', '2', { qos: 0, retain: true })
    const first = await at.next()
    let isRead = false
    const reading = at.store.log.read({ after: 0, upTo: 1e9, filters: ['#'] }).then(() => {
      isRead = true
    })
    await new Promise(setImmediate)
    assert.equal(isRead, false)
    first.done()
    await stored
    await at.through(Promise.all([reading, noted]))
  })

  test('leaves out messages that come faster than the disk takes them, and records the gap', async () => {
    const { counts, onBound } = createTally()
    const at = await openManual({ onBound })
    const numbers = await numbersOf(at)
    for (let n = 0; n < 20; n++) await at.publish('a', 'x'.repeat(MIB), qos0)
    assert.equal(numbers.length, 20)
    assert.deepEqual(counts, { log_overload: 4 })
    assert.deepEqual(at.store.log.gapsAfter(numbers.at(-2) as number), ['overload'])
    assert.deepEqual(at.store.log.gapsAfter(numbers.at(-1) as number), [])
    await at.through(at.store.log.read({ after: 0, upTo: 1e9, filters: ['#'] }))
    await at.publish('a', 'and goes on', qos0)
    assert.deepEqual(at.store.log.gapsAfter(numbers.at(-2) as number), [])
    assert.equal(counts.log_overload, 4)
  })

  test('records a gap where a commit of QoS 0 messages failed', async () => {
    const { counts, onBound } = createTally()
    const at = await openManual({ onBound })
    const numbers = await numbersOf(at)
    for (const payload of ['1', '2']) await at.publish('a', payload, qos0)
    const reading = at.store.log.read({ after: 0, upTo: 1e9, filters: ['#'] })
    ;(await at.next()).fail(new Error('full'))
    await at.through(reading)
    assert.deepEqual(counts, { log_overload: 2 })
    assert.deepEqual(at.store.log.gapsAfter(numbers[0] as number), ['overload'])
    assert.deepEqual(at.store.log.gapsAfter(numbers[1] as number), [])
  })
})

describe('the numbering', () => {
  test('goes on after a clean end, without a gap', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    const numbers = await numbersOf(before)
    for (const qos of [0, 1, 0] as const) await before.publish('a', `${qos}`, { qos })
    await before.broker.close()
    const at = await openFile(directory)
    assert.equal(at.store.log.epoch(), before.store.log.epoch())
    assert.equal(at.store.log.start(), numbers.at(-1))
    assert.deepEqual(at.store.log.gapsAfter(numbers[0] as number), [])
    assert.equal(at.store.log.oldest(), 0)
  })

  test('goes on above any number in use before a crash, and records a gap', async () => {
    let directory = temporaryDirectory()
    let at = await openFile(directory)
    const epoch = at.store.log.epoch()
    let highest = 0
    for (let crash = 1; crash <= 3; crash++) {
      const numbers = await numbersOf(at)
      await at.publish('a', `stored ${crash}`)
      // not yet on disk when the copy is made
      for (let n = 0; n < 50; n++) await at.publish('a', 'noted', qos0)
      directory = copyOf(directory)
      await at.publish('a', 'after the crash')
      assert.ok((numbers[0] as number) > highest, `${numbers[0]} after ${highest}`)
      highest = numbers.at(-1) as number
      at = await openFile(directory)
      const { log } = at.store
      assert.equal(log.epoch(), epoch)
      assert.ok(log.start() >= highest)
      assert.deepEqual(log.gapsAfter(numbers[0] as number), ['restart'])
      // a reader that begins now has missed nothing
      assert.deepEqual(log.gapsAfter(log.start()), [])
      const found = payloads(await readAll(at))
      assert.deepEqual(
        found.filter((payload) => payload !== 'noted'),
        Array.from({ length: crash }, (_, n) => `stored ${n + 1}`),
      )
    }
    // a clean end makes no new gap and keeps the old one
    await at.publish('a', 'last')
    const last = (await readAll(at)).at(-1)?.sequence ?? 0
    await at.broker.close()
    const { log } = (await openFile(directory)).store
    assert.deepEqual([log.gapsAfter(1), log.gapsAfter(last)], [['restart'], []])
  })

  test('has another epoch in another store', async () => {
    const [one, other] = [
      await openFile(temporaryDirectory()),
      await openFile(temporaryDirectory()),
    ]
    assert.notEqual(one.store.log.epoch(), other.store.log.epoch())
    assert.deepEqual(one.store.log.gapsAfter(0), [])
  })
})

describe('a page of the log', () => {
  test('holds what any of the filters covers, while more is stored', async () => {
    const directory = temporaryDirectory()
    const at = await openFile(directory)
    const writing = (async () => {
      for (let n = 0; n < 200; n++)
        await Promise.all([
          ...Array.from({ length: 20 }, (_, k) => at.publish(`dense/${k}`, `${n}`, qos0)),
          at.publish('sparse/a', `${n}`),
          at.publish('$x/y', `${n}`),
        ])
    })()
    let reads = 0
    let isWriting = true
    void writing.finally(() => {
      isWriting = false
    })
    const found: Delivery[] = []
    let reached = 0
    while (isWriting || reached < 1e15) {
      const upTo = isWriting ? reached + 50_000 : 1e15
      const page = await at.store.log.read({
        after: reached,
        upTo,
        filters: ['sparse/+', 'sparse/#', '+/y'],
      })
      found.push(...page.deliveries)
      // messages that are being stored now may still come below
      if (!isWriting) reached = page.reached
      else reached = found.at(-1)?.sequence ?? reached
      reads += 1
    }
    await writing
    assert.deepEqual(
      payloads(found),
      Array.from({ length: 200 }, (_, n) => `${n}`),
    )
    assert.ok(reads > 3)
    assert.deepEqual(payloads(await readAll(at, 0, ['$x/#'])).length, 200)
    assert.deepEqual((await readAll(at)).length, 200 * 21)
    await at.broker.close()
  })

  test('is bounded in rows and bytes', async () => {
    const at = await openFile(temporaryDirectory())
    for (let n = 0; n < 3_000; n++) await at.publish('small', 'x', qos0)
    const rows = await at.store.log.read({ after: 0, upTo: 1e15, filters: ['none/#'] })
    assert.deepEqual([rows.deliveries.length, rows.reached], [0, 2_000])
    const found = await at.store.log.read({ after: 0, upTo: 1e15, filters: ['#'] })
    assert.deepEqual([found.deliveries.length, found.reached], [400, 400])
    for (let n = 0; n < 10; n++) await at.publish('large', 'x'.repeat(MIB / 4), qos0)
    const bytes = await at.store.log.read({ after: 3_000, upTo: 1e15, filters: ['#'] })
    assert.deepEqual([bytes.deliveries.length, bytes.reached], [2, 3_002])
  })
})

test('a message is one row, however many queues hold it', async () => {
  const directory = temporaryDirectory()
  const at = await openFile(directory)
  for (let n = 0; n < 20; n++) await (await at.connect(`c/${n}`)).subscribe('#', 1)
  await at.publish('a', '1', { retain: true })
  await at.broker.close()
  const db = new DatabaseSync(join(directory, 'broker.sqlite'))
  const count = (sql: string) => Object.values(db.prepare(sql).get() ?? {})[0]
  assert.deepEqual(
    [count('SELECT count(*) FROM log'), count('SELECT count(DISTINCT message) FROM queue')],
    [1, 1],
  )
  db.close()
})
