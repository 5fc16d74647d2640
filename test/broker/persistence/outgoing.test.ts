import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PublishPacket } from '../../../src/broker/persistence/packet.ts'
import { createTally, KINDS } from './stores.ts'
import { packetOf, publish, queued, sendAll, subscribe } from './traffic.ts'

for (const { name, open } of KINDS)
  describe(`outgoing messages, ${name}`, () => {
    test('overlapping filters queue one copy with the highest QoS [MQTT-3.3.5-1]', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1], ['x/+', 2], ['x/y', 0])
      await subscribe(store, 'b', ['x/y', 1], ['x/#', 0])
      await subscribe(store, 'c', ['x/y', 0])
      await publish(store, packetOf('x/y', '1', { qos: 2 }))
      const qosOf = (id: string) =>
        store.outgoing({ id }).map((packet) => (packet.cmd === 'pubrel' ? null : packet.qos))
      assert.deepEqual([qosOf('a'), qosOf('b'), qosOf('c')], [[2], [1], []])
    })

    test('a filter that overlaps can go without the others', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1], ['x/y', 1])
      await store.removeSubscriptions({ id: 'a' }, ['#'])
      await publish(store, packetOf('x/y', '1'))
      await subscribe(store, 'a', ['#', 1])
      await store.removeSubscriptions({ id: 'a' }, ['x/y'])
      await publish(store, packetOf('x/y', '2'))
      assert.deepEqual(queued(store, 'a'), ['1', '2'])
    })

    test('a retained message is queued without RETAIN [MQTT-3.3.1-9]', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      await publish(store, packetOf('x', '1', { retain: true }))
      assert.equal((store.outgoing({ id: 'a' })[0] as PublishPacket).retain, false)
    })

    test('a message is held once for all who wait for it, and as a copy', async () => {
      const store = await open()
      for (const id of ['a', 'b', 'c']) await subscribe(store, id, ['#', 1])
      const payload = Buffer.from('1234')
      await publish(store, packetOf('x', '', { payload }))
      payload.fill(0)
      assert.equal(store.stats().queuedBytes, 5)
      for (const id of ['a', 'b', 'c']) {
        assert.deepEqual(queued(store, id), ['1234'])
        for (const packet of await sendAll(store, { id }))
          await store.outgoingClearMessageId({ id }, packet as { messageId: number })
      }
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('what was sent on an earlier connection comes first, with its identifier and DUP', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      for (const payload of ['1', '2', '3']) await publish(store, packetOf('x', payload))
      const [first, second] = await sendAll(store, { id: 'a' })
      await publish(store, packetOf('x', '4'))
      await store.outgoingClearMessageId({ id: 'a' }, { messageId: first?.messageId as number })
      const again = store.outgoing({ id: 'a' }) as PublishPacket[]
      assert.deepEqual(
        again.map(({ payload, dup }) => [String(payload), dup]),
        [
          ['2', true],
          ['3', true],
          ['4', false],
        ],
      )
      assert.equal(again[0]?.messageId, second?.messageId)
    })

    test('an identifier in use is not given a second time [MQTT-2.3.1-4]', async () => {
      const store = await open()
      const client = { id: 'a' }
      await subscribe(store, 'a', ['#', 1])
      const packets = ['1', '2', '3'].map((payload) => packetOf('x', payload))
      for (const packet of packets) {
        await publish(store, packet)
        packet.messageId = 65_535
        await store.outgoingUpdate(client, packet)
      }
      assert.deepEqual(
        packets.map(({ messageId }) => messageId),
        [65_535, 1, 2],
      )
      await store.outgoingClearMessageId(client, { messageId: 1 })
      assert.deepEqual(queued(store, 'a'), ['1', '3'])
    })

    test('sent twice on one connection it keeps its identifier', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      const packet = packetOf('x', '1', { qos: 2 })
      await publish(store, packet)
      const [sent] = await sendAll(store, { id: 'a' })
      const again = { ...packet, messageId: 77 }
      await store.outgoingUpdate({ id: 'a' }, again)
      assert.equal(again.messageId, sent?.messageId)
      assert.equal(again.qos, 1)
    })

    test('aedes clearing a packet that it did not number takes nothing out', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      await publish(store, packetOf('x', '1'))
      const unnumbered = { messageId: undefined as unknown as number }
      assert.equal(await store.outgoingClearMessageId({ id: 'a' }, unnumbered), undefined)
      assert.deepEqual(queued(store, 'a'), ['1'])
    })

    test('a window is sent at a time, each message once', async () => {
      const store = await open()
      const client = { id: 'a' }
      assert.equal(store.outgoingTake(client, 2), undefined)
      await subscribe(store, 'a', ['#', 2])
      for (const payload of ['1', '2', '3', '4'])
        await publish(store, packetOf('x', payload, { qos: 2 }))
      const taken = [1, 2, 3].map(() => store.outgoingTake(client, 2))
      assert.deepEqual(
        taken.map((packet) => packet && `${packet.payload}`),
        ['1', '2', undefined],
      )
      const ids = taken.map((packet) => packet?.messageId)
      assert.ok(ids[0] && ids[1] && ids[0] !== ids[1])
      assert.deepEqual(
        taken.slice(0, 2).map((packet) => packet?.dup),
        [false, false],
      )
      // in flight until PUBCOMP
      await store.outgoingUpdate(client, { cmd: 'pubrel', messageId: ids[0] })
      assert.equal(store.outgoingTake(client, 2), undefined)
      await store.outgoingClearMessageId(client, { messageId: ids[0] })
      assert.equal(String(store.outgoingTake(client, 2)?.payload), '3')
      await store.stored()
      const again = store.outgoing({ id: 'a' }) as PublishPacket[]
      assert.deepEqual(
        again.map(({ payload, dup }) => `${payload} ${dup}`),
        ['2 true', '3 true', '4 false'],
      )
    })

    test('of the properties the stamp is kept', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      const stamp = { device: 'a.d.wott.local', time: 5 }
      const properties = { ...stamp, turn: () => {} }
      await publish(store, packetOf('x', '1', { retain: true, properties }))
      const [packet] = store.outgoing({ id: 'a' }) as PublishPacket[]
      assert.deepEqual(packet?.properties, stamp)
      assert.deepEqual((await store.retained('x'))[0]?.properties, stamp)
    })

    test('what a new subscription brings is queued with RETAIN, and has half of the queue', async () => {
      const store = await open({ limits: { queueMessages: 4 } })
      const client = { id: 'a' }
      await subscribe(store, 'a', ['#', 2])
      await store.storeRetained(packetOf('x', '1', { retain: true }))
      const kept = store.retainedOn('x') as PublishPacket
      const room: boolean[] = []
      for (const qos of [1, 2] as const) {
        room.push(store.hasRoomForRetained(client))
        await store.outgoingEnqueueRetained(client, kept, qos)
      }
      room.push(store.hasRoomForRetained(client))
      assert.deepEqual(room, [true, true, false])
      await publish(store, packetOf('x', '2', { retain: true }))
      const packets = store.outgoing(client) as PublishPacket[]
      assert.deepEqual(
        packets.map(({ payload, qos, retain }) => [String(payload), qos, retain]),
        [
          ['1', 1, true],
          ['1', 2, true],
          ['2', 1, false],
        ],
      )
      // and each is a message of its own
      store.outgoingWithdraw(client, packets[0] as PublishPacket)
      assert.deepEqual(queued(store, 'a'), ['1', '2'])
    })

    test('who wants RETAIN as it was published has it, also when queued', async () => {
      const store = await open()
      await store.addSubscriptions({ id: 'bridge' }, [{ topic: '#', qos: 1, rap: true }])
      await publish(store, packetOf('x', '1', { retain: true }))
      await publish(store, packetOf('x', '2'))
      const packets = store.outgoing({ id: 'bridge' }) as PublishPacket[]
      assert.deepEqual(
        packets.map(({ retain }) => retain),
        [true, false],
      )
    })

    test('a message can be withdrawn', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      const packet = packetOf('x', '1')
      await publish(store, packet)
      store.outgoingWithdraw({ id: 'a' }, packet)
      assert.deepEqual(queued(store, 'a'), [])
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('after PUBREC only the PUBREL is left, until PUBCOMP', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 2])
      await publish(store, packetOf('x', '1', { qos: 2 }))
      const [sent] = await sendAll(store, { id: 'a' })
      const messageId = sent?.messageId as number
      await store.outgoingUpdate({ id: 'a' }, { cmd: 'pubrel', messageId })
      await store.outgoingUpdate({ id: 'a' }, { cmd: 'pubrel', messageId })
      assert.deepEqual(store.outgoing({ id: 'a' }), [{ cmd: 'pubrel', messageId }])
      assert.equal(store.stats().queuedBytes, 0)
      await store.outgoingClearMessageId({ id: 'a' }, { messageId })
      // a PUBREC for what is long gone is answered, not punished
      await store.outgoingUpdate({ id: 'a' }, { cmd: 'pubrel', messageId })
      assert.deepEqual(store.outgoing({ id: 'a' }), [])
    })

    test('a full queue gives up its oldest unsent message', async () => {
      const { counts, onBound } = createTally()
      const store = await open({ limits: { queueMessages: 3 }, onBound })
      await subscribe(store, 'a', ['#', 1])
      await publish(store, packetOf('x', '1'))
      await sendAll(store, { id: 'a' })
      for (const payload of ['2', '3', '4', '5']) await publish(store, packetOf('x', payload))
      assert.deepEqual(queued(store, 'a'), ['1', '4', '5'])
      assert.deepEqual(counts, { queue_messages: 2 })
      // all in flight: the new one is the oldest unsent
      await sendAll(store, { id: 'a' })
      const packet = packetOf('x', '6')
      await publish(store, packet)
      assert.deepEqual(queued(store, 'a'), ['1', '4', '5'])
      // and is sent all the same, but not repeated
      await store.outgoingUpdate({ id: 'a' }, { ...packet, messageId: 9 })
      assert.deepEqual(queued(store, 'a'), ['1', '4', '5'])
    })

    test('or does without the new one', async () => {
      const { counts, onBound } = createTally()
      const limits = { queueMessages: 2, whenFull: 'refuse' } as const
      const store = await open({ limits, onBound })
      await subscribe(store, 'a', ['#', 1])
      await subscribe(store, 'b', ['y', 1])
      await Promise.all(['1', '2', '3'].map((payload) => publish(store, packetOf('x', payload))))
      await publish(store, packetOf('y', '4'))
      assert.deepEqual([queued(store, 'a'), queued(store, 'b')], [['1', '2'], ['4']])
      assert.deepEqual(counts, { queue_messages: 2 })
    })

    for (const whenFull of ['drop-oldest', 'refuse'] as const)
      test(`the bytes of a queue and of all are bounded, ${whenFull}`, async () => {
        const { counts, onBound } = createTally()
        const limits = { queueBytes: 10, totalBytes: 17, whenFull }
        const store = await open({ limits, onBound })
        await subscribe(store, 'a', ['x', 1])
        await subscribe(store, 'b', ['y', 1])
        await publish(store, packetOf('x', '12345678901'))
        await publish(store, packetOf('x', '123456'))
        await publish(store, packetOf('x', '7890'))
        await publish(store, packetOf('y', '1234567'))
        await publish(store, packetOf('y', '1234567890'))
        const first = whenFull === 'refuse' ? '123456' : '7890'
        assert.deepEqual([queued(store, 'a'), queued(store, 'b')], [[first], ['1234567']])
        assert.deepEqual(counts, { queue_bytes: 2, total_bytes: 1 })
      })

    test('the sessions of one device leave room for those of others', async () => {
      const { counts, onBound } = createTally()
      const store = await open({ limits: { totalBytesPerDevice: 10 }, onBound })
      for (const id of ['greedy/1', 'greedy/2']) await subscribe(store, id, ['greedy', 1])
      await subscribe(store, 'modest/1', ['modest', 1])
      await publish(store, packetOf('greedy', 'xx'))
      await publish(store, packetOf('modest', 'yy'))
      // eight bytes each, topic included, and only one of the two fits
      assert.deepEqual(
        ['greedy/1', 'greedy/2', 'modest/1'].map((id) => queued(store, id)),
        [['xx'], [], ['yy']],
      )
      assert.deepEqual(counts, { total_bytes: 1 })
      for (const sent of await sendAll(store, { id: 'greedy/1' }))
        await store.outgoingClearMessageId({ id: 'greedy/1' }, sent as { messageId: number })
      await store.cleanSubscriptions({ id: 'greedy/1' })
      await publish(store, packetOf('greedy', 'zz'))
      assert.deepEqual(queued(store, 'greedy/2'), ['zz'])
    })

    test('messages expire unsent', async () => {
      const { counts, onBound } = createTally()
      let time = 0
      const store = await open({ limits: { messageExpiry: 10 }, onBound, now: () => time })
      await subscribe(store, 'a', ['#', 1])
      await publish(store, packetOf('x', '1'))
      await sendAll(store, { id: 'a' })
      await publish(store, packetOf('x', '2'))
      time = 5
      await publish(store, packetOf('x', '3'))
      time = 11
      assert.deepEqual(queued(store, 'a'), ['1', '3'])
      time = 16
      store.sweep()
      assert.deepEqual(counts, { message_expired: 2 })
    })

    test('the stream has what waited when it was made, less what went meanwhile', async () => {
      const store = await open()
      const client = { id: 'a' }
      await subscribe(store, 'a', ['#', 1])
      const packets = ['1', '2', '3'].map((payload) => packetOf('x', payload))
      for (const packet of packets) await publish(store, packet)
      const stream = store.outgoingStream(client)
      await publish(store, packetOf('x', '4'))
      store.outgoingWithdraw(client, packets[1] as PublishPacket)
      // sent by the live path before the stream came to it
      await store.outgoingUpdate(client, { ...(packets[2] as PublishPacket), messageId: 5 })
      const streamed = await stream.map(({ payload }) => String(payload)).toArray()
      assert.deepEqual(streamed, ['1'])
    })
  })
