import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTally, KINDS } from './stores.ts'

for (const { name, open } of KINDS)
  describe(`the bounds of queues, ${name}`, () => {
    test('a full queue drops its oldest unsent message', async () => {
      const { counts, onBound } = createTally()
      const { connect, publish } = await open({ limits: { messagesPerSession: 3 }, onBound })
      const a = await connect('a')
      await a.subscribe('#', 1)
      await publish('x', '1')
      a.send()
      for (const payload of ['2', '3', '4', '5']) await publish('x', payload)
      assert.deepEqual(a.queued(), ['1', '4', '5'])
      assert.deepEqual(counts, { queue_messages: 2 })
      // all others are in flight, so the new one is the oldest unsent
      a.send()
      await publish('x', '6')
      assert.deepEqual(a.queued(), ['1', '4', '5'])
      assert.deepEqual(counts, { queue_messages: 3 })
    })

    test('a full queue drops the new message, with whenFull refuse', async () => {
      const { counts, onBound } = createTally()
      const limits = { messagesPerSession: 2, whenFull: 'refuse' } as const
      const { connect, publish } = await open({ limits, onBound })
      const [a, b] = [await connect('a'), await connect('b')]
      await a.subscribe('#', 1)
      await b.subscribe('y', 1)
      await Promise.all(['1', '2', '3'].map((payload) => publish('x', payload)))
      await publish('y', '4')
      assert.deepEqual([a.queued(), b.queued()], [['1', '2'], ['4']])
      assert.deepEqual(counts, { queue_messages: 2 })
    })

    for (const whenFull of ['drop-oldest', 'refuse'] as const)
      test(`the bytes of a queue and of all queues are bounded, ${whenFull}`, async () => {
        const { counts, onBound } = createTally()
        const limits = { bytesPerSession: 10, queuedBytes: 17, whenFull }
        const { connect, publish } = await open({ limits, onBound })
        const [a, b] = [await connect('a'), await connect('b')]
        await a.subscribe('x', 1)
        await b.subscribe('y', 1)
        await publish('x', '12345678901')
        await publish('x', '123456')
        await publish('x', '7890')
        await publish('y', '1234567')
        await publish('y', '1234567890')
        const first = whenFull === 'refuse' ? '123456' : '7890'
        assert.deepEqual([a.queued(), b.queued()], [[first], ['1234567']])
        assert.deepEqual(counts, { queue_bytes: 2, total_bytes: 1 })
      })

    test('properties count like the payload', async () => {
      const { counts, onBound } = createTally()
      const limits = { bytesPerSession: 20, whenFull: 'refuse' } as const
      const { store, connect, publish } = await open({ limits, onBound })
      const a = await connect('a')
      await a.subscribe('#', 1)
      const properties = { contentType: 'text', userProperties: [['a', 'b']] } as const
      await publish('x', '12345678', { properties })
      // topic, payload, content type, and a user property with its five bytes of lengths
      assert.equal(store.stats().queuedBytes, 1 + 8 + 4 + 7)
      await publish('x', '')
      assert.deepEqual(a.queued(), ['12345678'])
      assert.deepEqual(counts, { queue_bytes: 1 })
    })

    test('the queues of one device leave room for those of others', async () => {
      const { counts, onBound } = createTally()
      const { connect, publish } = await open({ limits: { queuedBytesPerDevice: 10 }, onBound })
      const first = await connect('greedy/1')
      const second = await connect('greedy/2')
      const modest = await connect('modest/1')
      for (const greedy of [first, second]) await greedy.subscribe('greedy', 1)
      await modest.subscribe('modest', 1)
      await publish('greedy', 'xx')
      await publish('modest', 'yy')
      // each takes eight bytes with its topic, and only one of them fits
      assert.deepEqual(
        [first, second, modest].map((client) => client.queued()),
        [['xx'], [], ['yy']],
      )
      assert.deepEqual(counts, { total_bytes: 1 })
      first.acknowledge(...first.send())
      first.leave({ expiry: 0 })
      await publish('greedy', 'zz')
      assert.deepEqual(second.queued(), ['zz'])
    })

    test('a message that is being stored counts as queued', async () => {
      const limits = { queuedBytesPerDevice: 10, queuedBytes: 20, whenFull: 'refuse' } as const
      const { store, connect, publish } = await open({ limits })
      const a = await connect('a/1')
      await a.subscribe('#', 1)
      await Promise.all(['1234', '1234', '1234'].map((payload) => publish('x', payload)))
      assert.deepEqual(a.queued(), ['1234', '1234'])
      assert.equal(store.stats().queuedBytes, 10)
    })
  })
