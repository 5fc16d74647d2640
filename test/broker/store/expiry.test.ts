import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import type { Limits } from '../../../src/broker/store/limits.ts'
import { START, stopClock } from '../clock.ts'
import { createTally, KINDS, openFile, openMemory, temporaryDirectory } from './stores.ts'

for (const { name, open } of KINDS)
  describe(`expired messages, ${name}`, () => {
    /** A store with a clock that the test sets, and a client that subscribes to everything. */
    async function opened(limits: Partial<Limits> = {}) {
      const { counts, onBound } = createTally()
      const clock = { time: 0 }
      const at = await open({ limits, onBound, now: () => clock.time })
      const client = await at.connect('a')
      await client.subscribe('#', 1)
      return { ...at, counts, clock, client }
    }

    test('leave a queue unsent, after the time that the store allows', async () => {
      const { store, counts, clock, client, publish } = await opened({ messageExpiryMs: 10 })
      await publish('x', '1')
      client.send()
      await publish('x', '2')
      clock.time = 5
      await publish('x', '3')
      clock.time = 11
      assert.equal(client.send().length, 1)
      assert.deepEqual(client.queued(), ['1', '3'])
      assert.deepEqual(counts, { message_expired: 1 })
      await publish('x', '4')
      clock.time = 21
      store.expireMessages()
      assert.deepEqual(client.queued(), ['1', '3'])
      assert.deepEqual(counts, { message_expired: 2 })
    })

    test('are not retained ones that a new subscription queued, however old they are', async () => {
      const { broker, counts, clock, client, publish } = await opened({ messageExpiryMs: 10 })
      await publish('$x/y', '1', { qos: 1, retain: true, time: 0 })
      clock.time = 1_000
      const match = { session: client.session, qos: 1, retainAsPublished: false } as const
      const kept = broker.sessions.retainedOn('$x/y') ?? assert.fail()
      await broker.sessions.enqueueRetained({ ...match, identifiers: null, group: null }, kept, 1)
      assert.equal(client.send().length, 1)
      assert.deepEqual(counts, {})
    })

    test('leave a queue at the time that their publisher set, sent or not', async () => {
      const { store, counts, clock, client, connect, publish } = await opened()
      await publish('x', '1', { expires: 10 })
      await publish('x', '2')
      client.send()
      await publish('x', '3', { expires: 10 })
      await publish('x', '4', { expires: 11 })
      clock.time = 10
      assert.deepEqual(
        client.send().map(({ message }) => String(message?.payload)),
        ['4'],
      )
      assert.deepEqual(client.queued(), ['1', '2', '4'])
      // an expired message is not sent again
      const again = await connect('a')
      assert.deepEqual(
        again.send().map(({ message }) => String(message?.payload)),
        ['2', '4'],
      )
      assert.deepEqual(counts, { message_expired: 2 })
      clock.time = 11
      store.expireMessages()
      // it has been sent, so it stays until it is acknowledged
      assert.deepEqual(again.queued(), ['2', '4'])
    })

    test('free their room in a queue', async () => {
      const { store, counts, clock, client, publish } = await opened({ messagesPerSession: 2 })
      await publish('x', '1')
      await publish('x', '2', { expires: 10 })
      clock.time = 10
      store.expireMessages()
      assert.deepEqual(client.queued(), ['1'])
      assert.equal(store.stats().queuedBytes, 2)
      await publish('x', '3')
      assert.deepEqual(client.queued(), ['1', '3'])
      assert.deepEqual(counts, { message_expired: 1 })
    })

    for (const whenFull of ['drop-oldest', 'refuse'] as const)
      test(`make room for others, wherever they are in the queue: ${whenFull}`, async () => {
        const { counts, clock, client, publish } = await opened({ messagesPerSession: 3, whenFull })
        await publish('x', 'lasts')
        for (const expires of [10, 20]) await publish('x', `until ${expires}`, { expires })
        clock.time = 10
        await publish('x', '1')
        assert.deepEqual(client.queued(), ['lasts', 'until 20', '1'])
        clock.time = 20
        await publish('x', '2')
        assert.deepEqual(client.queued(), ['lasts', '1', '2'])
        assert.deepEqual(counts, { message_expired: 2 })
        await publish('x', '3')
        const last = whenFull === 'refuse' ? ['lasts', '1', '2'] : ['1', '2', '3']
        assert.deepEqual(client.queued(), last)
        assert.deepEqual(counts, { message_expired: 2, queue_messages: 1 })
      })

    test('are no longer retained, and free their room', async () => {
      const limits = { retainedMessages: 1, retainedBytesPerDevice: 2 }
      const { broker, store, counts, clock, publish } = await opened(limits)
      await publish('x', '1', { qos: 0, retain: true, expires: 10 })
      clock.time = 9
      assert.equal((await broker.retained('#')).length, 1)
      assert.equal(String(broker.sessions.retainedOn('x')?.payload), '1')
      clock.time = 10
      assert.deepEqual(await broker.retained('#'), [])
      assert.equal(broker.sessions.retainedOn('x'), undefined)
      store.expireMessages()
      assert.equal(store.stats().retained, 0)
      assert.equal(store.stats().retainedBytes, 0)
      await publish('y', '2', { qos: 0, retain: true })
      assert.equal((await broker.retained('#')).length, 1)
      assert.deepEqual(counts, {})
    })

    test('do not replace a later retained message', async () => {
      const { broker, store, clock, publish } = await opened()
      await publish('x', '1', { retain: true, expires: 10 })
      await publish('x', '2', { retain: true })
      await publish('y', '1', { retain: true })
      await publish('y', '2', { retain: true, expires: 10 })
      clock.time = 10
      store.expireMessages()
      assert.deepEqual(
        (await broker.retained('#')).map(({ topic, payload }) => `${topic} ${payload}`),
        ['x 2'],
      )
    })
  })

test('messages expire at the same time over a restart', async () => {
  const directory = temporaryDirectory()
  let time = 0
  const settings = { limits: { messageExpiryMs: 100 }, now: () => time }
  const before = await openFile(directory, settings)
  const a = await before.connect('a')
  await a.subscribe('#', 1)
  await before.publish('own', '1', { retain: true, expires: 10 })
  await before.publish('own', '2', { expires: 20 })
  await before.publish("the store's", '3', { retain: true })
  time = 10
  await before.broker.close()

  const store = await openFile(directory, settings)
  const topics = (await store.broker.retained('#')).map(({ topic }) => topic)
  assert.deepEqual(topics, ["the store's"])
  const again = await store.connect('a')
  assert.deepEqual(
    again.entries().map(({ message }) => message?.expires),
    [10, 20, null],
  )
  assert.deepEqual(
    again.send(1).map(({ message }) => String(message?.payload)),
    ['2'],
  )
  store.store.expireMessages()
  assert.equal(store.store.stats().retained, 1)
  time = 100
  assert.deepEqual(again.send(), [])
  await store.broker.close()

  // the expired message was removed from the file too
  const last = await openFile(directory, settings)
  assert.equal(last.store.stats().retained, 1)
  assert.deepEqual((await last.connect('a')).queued(), ['2'])
})

test('the broker removes expired messages every minute', async (t) => {
  stopClock()
  t.after(() => mock.timers.reset())
  const { broker, store, connect, publish } = await openMemory()
  const a = await connect('a')
  await a.subscribe('#', 1)
  await publish('x', '1', { retain: true, expires: START + 1_000 })
  a.leave()
  mock.timers.tick(59_000)
  assert.deepEqual([store.stats().retained, store.stats().queuedBytes], [1, 2])
  mock.timers.tick(1_000)
  assert.deepEqual([store.stats().retained, store.stats().queuedBytes], [0, 0])
  await broker.close()
})
