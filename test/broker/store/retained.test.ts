import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTally, KINDS, openManual } from './stores.ts'

const kept = { retain: true }
const unavailable = { code: 'broker_unavailable' }

for (const { name, open } of KINDS)
  describe(`retained messages, ${name}`, () => {
    test('wildcards in the first level do not reach "$" [MQTT-4.7.2-1]', async () => {
      const { broker, publish } = await open()
      await publish('$SYS/uptime', '1', kept)
      await publish('a/b', '2', kept)
      const topics = async (filter: string) =>
        (await broker.retained(filter)).map(({ topic }) => topic)
      assert.deepEqual(await topics('#'), ['a/b'])
      assert.deepEqual(await topics('+/#'), ['a/b'])
      assert.deepEqual(await topics('$SYS/#'), ['$SYS/uptime'])
    })

    test('overlapping filters give a message once', async () => {
      const { broker, publish } = await open()
      await publish('a/b', '1', kept)
      const found = await Array.fromAsync(broker.sessions.retainedBy(['a/#', 'a/b', '+/b', 'c']))
      assert.equal(found.length, 1)
    })

    test('the payload is a copy', async () => {
      const { broker, publish } = await open()
      const chunk = Buffer.from('xxvaluexx')
      await publish('a', '', { ...kept, payload: chunk.subarray(2, 7) })
      chunk.fill(0)
      const [found] = await broker.retained('a')
      assert.equal(String(found?.payload), 'value')
      assert.equal(found?.payload.buffer.byteLength, 5)
    })

    test('the message published last is kept, whatever its QoS', async () => {
      const { broker, store, publish } = await open()
      const order = [1, 0, 2, 1, 0] as const
      await Promise.all(order.map((qos, n) => publish('a', `${n}`, { qos, retain: true })))
      await publish('b', '', kept)
      assert.equal(String((await broker.retained('a'))[0]?.payload), '4')
      await Promise.all([
        publish('a', '5', kept),
        publish('a', '', { qos: 0, retain: true }),
        publish('b', '6', kept),
        publish('b', '', kept),
      ])
      assert.deepEqual(await broker.retained('#'), [])
      assert.equal(store.stats().retainedBytes, 0)
    })

    test('a retained message of QoS 0 can be read at once', async () => {
      const { broker, publish } = await open()
      const published = publish('a', '1', { qos: 0, retain: true })
      assert.equal(String(broker.sessions.retainedOn('a')?.payload), '1')
      assert.equal((await broker.retained('a')).length, 1)
      await published
    })

    test('the retained messages of one device leave room for others', async () => {
      const { counts, onBound } = createTally()
      const { broker, publish } = await open({ limits: { retainedBytesPerDevice: 10 }, onBound })
      await publish('a', '12345', { ...kept, device: 'greedy' })
      await publish('b', '12345', { ...kept, device: 'greedy' })
      await publish('c', '12345', { ...kept, device: 'modest' })
      // it has room to replace its own message, and another's
      await publish('a', '123456789', { ...kept, device: 'greedy' })
      await publish('a', '123', { ...kept, device: 'modest' })
      await publish('b', '12345', { ...kept, device: 'greedy' })
      assert.deepEqual(counts, { retained_bytes: 1 })
      assert.deepEqual(
        (await broker.retained('#')).map(({ topic, payload }) => `${topic} ${payload}`),
        ['a 123', 'c 12345', 'b 12345'],
      )
    })

    test('topics and bytes are bounded, properties included', async () => {
      const { counts, onBound } = createTally()
      const limits = { retainedMessages: 2, retainedBytes: 20 }
      const { broker, store, publish } = await open({ limits, onBound })
      for (const topic of ['a', 'b', 'c']) await publish(topic, '1', kept)
      await publish('a', '2', kept)
      const properties = { contentType: 'x'.repeat(10) }
      await publish('b', 'x'.repeat(10), { ...kept, properties })
      assert.deepEqual(counts, { retained_messages: 1, retained_bytes: 1 })
      // 'b' had no room for its new value, and the old one must not be returned as the latest
      assert.deepEqual(
        (await broker.retained('#')).map(({ payload }) => String(payload)),
        ['2'],
      )
      await publish('c', '3', kept)
      assert.equal(store.stats().retained, 2)
    })

    test('a long look-up does not block the event loop', async () => {
      const { broker, publish } = await open()
      for (let n = 0; n < 5_000; n++) await publish(`a/${n}`, '1', { qos: 0, retain: true })
      for (const filter of ['#', '+/+/nothing']) {
        let turns = 0
        let looking = true
        const count = () => {
          turns += 1
          if (looking) setImmediate(count)
        }
        setImmediate(count)
        await broker.retained(filter)
        looking = false
        assert.ok(turns > 10, `${turns} turns of the event loop for ${filter}`)
      }
    })
  })

test('a retained message can be read while it is being stored, and not after that fails', async () => {
  const { broker, publish, next } = await openManual()
  const { sessions } = broker
  for (const [payload, works] of [
    ['1', true],
    ['2', false],
    ['', false],
  ] as const) {
    const published = publish('a', payload, kept)
    assert.equal(String(sessions.retainedOn('a')?.payload ?? ''), payload)
    const commit = await next()
    if (works) commit.done()
    else commit.fail(new Error('full'))
    if (works) await published
    else await assert.rejects(published, unavailable)
    assert.equal(String(sessions.retainedOn('a')?.payload), '1')
    assert.equal(String((await broker.retained('a'))[0]?.payload), '1')
  }
})

test('a retained message of QoS 0 is written again until it is stored, and not replaced by an older one', async () => {
  const { publish, next, store } = await openManual()
  const qos0 = { ...kept, qos: 0 } as const
  await publish('a', 'a1', qos0)
  await publish('b', 'b1', qos0)
  store.log.flush()
  const first = await next()
  // published during that commit
  await publish('b', 'b2', qos0)
  first.fail(new Error('full'))
  await new Promise(setImmediate)
  store.log.flush()
  const { changes, done } = await next()
  const appended = changes.flatMap((change) => (change[0] === 'append' ? [change[3]] : []))
  const retained = changes.flatMap((change) => (change[0] === 'retain' ? [change[1]] : []))
  assert.deepEqual(
    [appended, retained],
    [
      ['a1', 'b2'],
      ['a', 'b'],
    ],
  )
  done()
})

test('a retained message of QoS 0 waits where the disk is too slow', async () => {
  const { broker, publish, through } = await openManual()
  const qos0 = { ...kept, qos: 0 } as const
  for (let n = 0; n < 16; n++) await publish(`a/${n}`, 'x'.repeat(1024 * 1024), qos0)
  let isDone = false
  const waiting = publish('a/0', 'last', qos0).then(() => {
    isDone = true
  })
  await new Promise(setImmediate)
  assert.equal(isDone, false)
  await through(waiting)
  assert.equal(String((await broker.retained('a/0'))[0]?.payload), 'last')
})
