import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EVERY_PROPERTY } from '../../support/message.ts'
import { payloadsOf } from './clients.ts'
import { KINDS } from './stores.ts'

for (const { name, open } of KINDS)
  describe(`outgoing messages, ${name}`, () => {
    test('overlapping filters queue one copy with the highest QoS [MQTT-3.3.5-1]', async () => {
      const { connect, publish } = await open()
      const [a, b, c] = [await connect('a'), await connect('b'), await connect('c')]
      await a.subscribe('#', 1)
      await a.subscribe('x/+', 2)
      await a.subscribe('x/y', 0)
      await b.subscribe('x/y', 1)
      await b.subscribe('x/#', 0)
      await c.subscribe('x/y', 0)
      await publish('x/y', '1', { qos: 2 })
      const qosOf = [a, b, c].map((client) => client.entries().map(({ qos }) => qos))
      assert.deepEqual(qosOf, [[2], [1], []])
      assert.equal(c.link.delivered.length, 1)
    })

    test('overlapping filters keep the identifiers of all subscriptions', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1, { identifier: 5 })
      await a.subscribe('x', 1, { identifier: 268_435_455 })
      await a.subscribe('+', 1)
      await publish('x', '1')
      await a.unsubscribe('#', 'x')
      await publish('x', '2')
      assert.deepEqual(
        a.entries().map(({ identifiers }) => identifiers?.toSorted() ?? null),
        [[268_435_455, 5], null],
      )
    })

    test('an overlapping filter can be removed on its own', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      await a.subscribe('x/y', 1)
      await a.unsubscribe('#')
      await publish('x/y', '1')
      await a.subscribe('#', 1)
      await a.unsubscribe('x/y')
      await publish('x/y', '2')
      assert.deepEqual(a.queued(), ['1', '2'])
    })

    test('a message of the client itself is queued for it, unless it asked for No Local', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      const origin = { session: a.session, arrival: null }
      await a.subscribe('x', 1)
      await publish('x', '1', {}, origin)
      await a.subscribe('#', 2, { noLocal: true, identifier: 7 })
      await publish('x', '2', { qos: 2 }, origin)
      await publish('x', '3', { qos: 2 })
      await a.unsubscribe('x')
      await publish('x', '4', {}, origin)
      assert.deepEqual(
        a
          .entries()
          .map(({ message, qos, identifiers }) => [String(message?.payload), qos, identifiers]),
        [
          ['1', 1, null],
          ['2', 1, null],
          ['3', 2, [7]],
        ],
      )
    })

    test('a retained message is queued without RETAIN [MQTT-3.3.1-9]', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      await publish('x', '1', { retain: true })
      assert.deepEqual(
        a.entries().map(({ retain }) => retain),
        [false],
      )
    })

    test('a message queued with Retain As Published keeps its RETAIN', async () => {
      const { connect, publish } = await open()
      const bridge = await connect('bridge')
      await bridge.subscribe('#', 1, { retainAsPublished: true })
      await publish('x', '1', { retain: true })
      await publish('x', '2')
      assert.deepEqual(
        bridge.entries().map(({ retain }) => retain),
        [true, false],
      )
    })

    test('retained messages of a new subscription are queued with RETAIN, in half of the queue at most', async () => {
      const { broker, connect, publish } = await open({ limits: { messagesPerSession: 4 } })
      const { sessions } = broker
      const a = await connect('a')
      await a.subscribe('#', 2)
      await publish('x', '1', { qos: 0, retain: true })
      const kept = sessions.retainedOn('x') ?? assert.fail()
      const match = { session: a.session, qos: 2, retainAsPublished: false } as const
      const room: boolean[] = []
      for (const qos of [1, 2] as const) {
        room.push(sessions.hasRoomForRetained(a.session))
        await sessions.enqueueRetained({ ...match, identifiers: [3], group: null }, kept, qos)
      }
      room.push(sessions.hasRoomForRetained(a.session))
      assert.deepEqual(room, [true, true, false])
      await publish('x', '2', { retain: true })
      assert.deepEqual(
        a
          .entries()
          .map(({ message, qos, retain, identifiers }) => [
            ...[String(message?.payload), qos, retain, identifiers],
          ]),
        [
          ['1', 1, true, [3]],
          ['1', 2, true, [3]],
          ['2', 1, false, null],
        ],
      )
      // each is queued on its own
      a.acknowledge(...a.entries().slice(0, 1))
      assert.deepEqual(a.queued(), ['1', '2'])
    })

    test('a queued message keeps all properties that its publisher set', async () => {
      const { broker, connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      const said = {
        device: 'a.d.wott.local',
        time: 5,
        received: 6,
        expires: 9_000_000_000_000,
        properties: EVERY_PROPERTY,
      } as const
      await publish('x', '1', { ...said, retain: true })
      for (const message of [a.entries()[0]?.message, (await broker.retained('x'))[0]]) {
        const { device, time, received, expires, properties } = message ?? assert.fail()
        assert.deepEqual({ device, time, received, expires, properties }, said)
      }
    })

    test('a message is held once for all queues, as a copy', async () => {
      const { store, connect, publish } = await open()
      const clients = [await connect('a'), await connect('b'), await connect('c')]
      for (const client of clients) await client.subscribe('#', 1)
      const payload = Buffer.from('1234')
      const correlationData = Buffer.from('56')
      await publish('x', '', { payload, properties: { correlationData } })
      payload.fill(0)
      correlationData.fill(0)
      assert.equal(store.stats().queuedBytes, 7)
      for (const client of clients) {
        assert.deepEqual(client.queued(), ['1234'])
        assert.equal(String(client.entries()[0]?.message?.properties?.correlationData), '56')
        client.acknowledge(...client.send())
      }
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('messages sent on an earlier connection come first, with their identifiers', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      for (const payload of ['1', '2', '3']) await publish('x', payload)
      const [first, second, third] = a.send().map(({ packetId }) => packetId)
      a.leave()
      await publish('x', '4')
      const again = await connect('a')
      assert.equal(again.isPresent, true)
      // the PUBACK of the first was on its way
      again.acknowledge(again.session.queue.byPacketId(first ?? 0) ?? assert.fail())
      assert.deepEqual(
        again.entries().map(({ packetId }) => packetId),
        [second, third, 0],
      )
      assert.deepEqual(payloadsOf(again.send(2)), ['2', '3'])
      assert.deepEqual(
        again.entries().map(({ packetId }) => packetId),
        [second, third, 0],
      )
    })

    test('at most a window is in flight, and each message is sent once', async () => {
      const { broker, connect, publish } = await open()
      const { sessions } = broker
      const a = await connect('a')
      assert.deepEqual(a.send(2), [])
      await a.subscribe('#', 2)
      for (const payload of ['1', '2', '3', '4']) await publish('x', payload, { qos: 2 })
      const [first, second, ...more] = a.send(2)
      assert.ok(first && second)
      assert.deepEqual(payloadsOf([first, second, ...more]), ['1', '2'])
      assert.ok(first.packetId > 0 && second.packetId > 0)
      assert.notEqual(first.packetId, second.packetId)
      // in flight until PUBCOMP
      await sessions.release(a.session, first)
      assert.deepEqual(a.send(2), [])
      a.acknowledge(first)
      assert.deepEqual(payloadsOf(a.send(2)), ['3'])
      assert.deepEqual(a.queued(), ['2', '3', '4'])
    })

    test('a message can be settled before it is sent, as when the rules deny it meanwhile', async () => {
      const { store, connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      await publish('x', '1')
      a.acknowledge(...a.entries())
      assert.deepEqual(a.queued(), [])
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('after PUBREC only the PUBREL is left, until PUBCOMP', async () => {
      const { broker, store, connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 2)
      await publish('x', '1', { qos: 2 })
      const [sent = assert.fail()] = a.send()
      const { packetId } = sent
      for (let twice = 0; twice < 2; twice++) await broker.sessions.release(a.session, sent)
      assert.deepEqual(a.queued(), ['PUBREL'])
      assert.equal(store.stats().queuedBytes, 0)
      // the PUBREL is sent again on another connection
      const again = await connect('a')
      const [released = assert.fail(), ...more] = again.send()
      assert.deepEqual([released.packetId, released.isReleased, more], [packetId, true, []])
      again.acknowledge(released)
      assert.deepEqual(again.entries(), [])
    })
  })
