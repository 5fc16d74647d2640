import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Broker } from '../../src/broker/broker.ts'
import type { Delivery } from '../../src/broker/delivery.ts'
import type { Message } from '../../src/topic/message.ts'
import { message } from '../support/message.ts'

/** The message as it was published, without the number that the broker gave it. */
export function asPublished({ sequence: _sequence, ...sent }: Delivery): Message {
  return sent
}

/** What a broker in front of another one may be unable to promise: MQTT does not carry it, or the other one does not keep it. */
export interface ContractAbilities {
  /** The time at which a message was taken. */
  readonly times: boolean
  /** Who published it. */
  readonly devices: boolean
  /** Whether a live message was published with RETAIN, and the number it was delivered with. */
  readonly retainFlags: boolean
  /** The order of a topic's messages of different QoS. */
  readonly qosOrder: boolean
  /** Topics that start with "$". */
  readonly dollarNames: boolean
}

export const EVERYTHING: ContractAbilities = {
  times: true,
  devices: true,
  retainFlags: true,
  qosOrder: true,
  dollarNames: true,
}

const LATER = { time: 1_700_000_000_001, received: 1_700_000_000_001 }

/** A topic of messages that only `OpenedBroker.arrived` looks for. */
export const ARRIVED = 'contract/arrived'

export interface OpenedBroker {
  readonly broker: Broker
  /** Resolves when all messages published so far are delivered; undefined where `publish` already waits for that. */
  arrived?(): Promise<void>
  /** Closes the broker and opens its store again; undefined where nothing is stored. */
  reopen?(): Promise<Broker>
  /** Closes the broker and removes what it left on disk. */
  remove(): Promise<void>
}

/** What every broker promises, whatever its engine. */
export function brokerContract(
  kind: string,
  open: () => Promise<OpenedBroker>,
  abilities: ContractAbilities = EVERYTHING,
): void {
  /** The message without the fields that this broker cannot carry. */
  function carried(sent: Message): Message {
    return {
      ...sent,
      ...(abilities.times ? {} : { time: 0, received: 0 }),
      ...(abilities.devices ? {} : { device: null }),
    }
  }

  describe(`the broker contract: ${kind}`, () => {
    let opened: OpenedBroker
    let broker: Broker

    beforeEach(async () => {
      opened = await open()
      broker = opened.broker
    })
    afterEach(() => opened.remove())

    /** All deliveries to `filter`, and a promise of the first `count`. */
    async function collect(filter: string, count: number) {
      const seen: Delivery[] = []
      const enough = Promise.withResolvers<Delivery[]>()
      const unsubscribe = await broker.subscribe([filter], (delivery) => {
        seen.push(delivery)
        if (seen.length === count) enough.resolve(seen)
      })
      return { seen, enough: enough.promise, unsubscribe }
    }

    it('delivers a message as it was published', async () => {
      const { enough } = await collect('a/b', 1)
      const sent = message('a/b', Buffer.from([0, 255, 10, 13]), { qos: 1 })
      await broker.publish(sent)
      const [{ sequence, ...received } = assert.fail()] = await enough
      assert.deepEqual(carried(received), carried(sent))
      assert.ok(Number.isSafeInteger(sequence))
    })

    it('delivers what a filter covers, and nothing else', async () => {
      const exact = await collect('a/b', 1)
      const level = await collect('a/+', 2)
      const rest = await collect('#', 4)
      for (const topic of ['a/b', 'a/c', 'a/b/c', 'z']) await broker.publish(message(topic, topic))
      await rest.enough
      assert.deepEqual(
        exact.seen.map(({ topic }) => topic),
        ['a/b'],
      )
      assert.deepEqual(
        level.seen.map(({ topic }) => topic),
        ['a/b', 'a/c'],
      )
      assert.deepEqual(
        rest.seen.map(({ topic }) => topic),
        ['a/b', 'a/c', 'a/b/c', 'z'],
      )
    })

    it('delivers a message once, however many filters of one subscription cover it', async () => {
      const seen: string[] = []
      const stored = Promise.withResolvers<void>()
      const note = ({ topic }: Delivery) => {
        if (topic !== ARRIVED) seen.push(topic)
        if (topic === 'z') stored.resolve()
      }
      const stop = await broker.subscribe(['a/+', '#', 'a/b', 'a/b'], note)
      const { enough } = await collect('a/b', 3)
      await broker.publish(message('a/b', '1'))
      await broker.publish(message('z', '2', { qos: 1 }))
      // only messages of one topic and one QoS keep their order [MQTT-4.6.0-6]
      await stored.promise
      // the same function again makes a second subscription
      const stopOther = await broker.subscribe(['a/b'], note)
      await broker.publish(message('a/b', '3'))
      await opened.arrived?.()
      await stop()
      await broker.publish(message('a/b', '4'))
      await enough
      assert.deepEqual(seen, ['a/b', 'z', 'a/b', 'a/b', 'a/b'])
      await stopOther()
    })

    it('delivers every message to followers, before subscribers', async () => {
      const seen: string[] = []
      await broker.subscribe(['#'], ({ topic }) => seen.push(`subscriber: ${topic}`))
      const stop = await broker.follow(({ topic }) => seen.push(`follower: ${topic}`))
      const { enough } = await collect('c', 1)
      const named = abilities.dollarNames ? ['$x/y'] : []
      for (const topic of ['a', ...named, 'b'])
        await broker.publish(message(topic, '1', { qos: 1 }))
      await opened.arrived?.()
      await stop()
      await broker.publish(message('c', '1'))
      await enough
      const ours = seen.filter((line) => !line.endsWith(ARRIVED))
      assert.deepEqual(ours, [
        ...['follower: a', 'subscriber: a'],
        ...named.map((topic) => `follower: ${topic}`),
        ...['follower: b', 'subscriber: b', 'subscriber: c'],
      ])
    })

    it('hides topics that start with "$" from wildcards, and from everybody where it does not carry them', async () => {
      const wild = await collect('#', 1)
      const named = await collect('$x/#', 1)
      await broker.publish(message('$x/y', '1', { retain: true }))
      await broker.publish(message('y', '2'))
      await Promise.all([wild.enough, ...(abilities.dollarNames ? [named.enough] : [])])
      assert.deepEqual(
        wild.seen.map(({ topic }) => topic),
        ['y'],
      )
      assert.deepEqual(await broker.retained('#'), [])
      assert.deepEqual(
        (await broker.retained('$x/y')).map(({ payload }) => String(payload)),
        abilities.dollarNames ? ['1'] : [],
      )
    })

    it('delivers one topic in the order of publishing, with any QoS and RETAIN', async () => {
      const count = 300
      const { enough } = await collect('a', count)
      await Promise.all(
        Array.from({ length: count }, (_, index) =>
          broker.publish(
            message('a', String(index), {
              qos: !abilities.qosOrder || index % 2 ? 1 : 0,
              retain: index % 3 === 0,
            }),
          ),
        ),
      )
      const order = (await enough).map(({ payload }) => Number(payload))
      assert.deepEqual(
        order,
        Array.from({ length: count }, (_, index) => index),
      )
    })

    it('numbers deliveries in one increasing order for every subscriber', async () => {
      const all = await collect('#', 200)
      const some = await collect('b/#', 100)
      await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          broker.publish(message(index % 2 ? 'a' : `b/${index}`, 'x', { qos: index % 3 ? 1 : 0 })),
        ),
      )
      const numbers = (await all.enough).map(({ sequence }) => sequence)
      assert.ok(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)))
      const byTopic = new Map(all.seen.map(({ topic, sequence }) => [topic, sequence]))
      for (const { topic, sequence } of await some.enough)
        assert.equal(sequence, byTopic.get(topic))
    })

    it('stops delivering once unsubscribed', async () => {
      const gone = await collect('a', 2)
      const stays = await collect('a', 2)
      await broker.publish(message('a', '1'))
      await opened.arrived?.()
      await gone.unsubscribe()
      await broker.publish(message('a', '2'))
      await stays.enough
      assert.equal(gone.seen.length, 1)
    })

    it('delivers to the others when a subscriber throws', async () => {
      await broker.subscribe(['a'], () => {
        throw new Error('a careless subscriber')
      })
      const { enough } = await collect('a', 1)
      await broker.publish(message('a', '1', { qos: 1 }))
      assert.equal((await enough).length, 1)
    })

    it('keeps the last retained message of a topic until an empty one clears it', async () => {
      await broker.publish(message('a/b', '1', { retain: true }))
      await broker.publish(message('a/b', '2', { retain: true, qos: 1, ...LATER }))
      await broker.publish(message('a/b', '3'))
      await broker.publish(message('a/c', '4', { retain: true, device: 'other' }))
      await opened.arrived?.()
      const qos = abilities.retainFlags ? 1 : 0
      assert.deepEqual(
        (await broker.retained('a/b')).map(asPublished).map(carried),
        [message('a/b', '2', { retain: true, qos, ...LATER })].map(carried),
      )
      const topics = (await broker.retained('a/+')).map(({ topic, device }) => [topic, device])
      assert.deepEqual(topics.sort(), [
        ['a/b', abilities.devices ? 'sensor.d.wott.local' : null],
        ['a/c', abilities.devices ? 'other' : null],
      ])
      await broker.publish(message('a/b', '', { retain: true }))
      await opened.arrived?.()
      assert.deepEqual(await broker.retained('a/b'), [])
    })

    it('returns a retained message with the number of its delivery, where it knows it', async () => {
      const { enough } = await collect('#', 3)
      await broker.publish(message('a', '1', { retain: true }))
      await broker.publish(message('b', '2', { retain: true, qos: 1 }))
      await broker.publish(message('b', '3'))
      const handedOn = (await enough)
        .slice(0, 2)
        .map(({ topic, sequence }) => [topic, abilities.retainFlags ? sequence : 0])
      const kept = (await broker.retained('#')).map(({ topic, sequence }) => [topic, sequence])
      assert.deepEqual(kept.sort(), handedOn)
    })

    it('never uses a number twice, also when its store is opened again', async () => {
      const { reopen } = opened
      const seen: number[] = []
      const publish = async (open: Broker) => {
        await open.subscribe(['a'], ({ sequence }) => seen.push(sequence))
        for (let count = 0; count < 6; count++)
          await open.publish(
            message('a', `${count}`, { qos: count % 2 ? 1 : 0, retain: count % 3 === 0 }),
          )
      }
      await publish(broker)
      const epoch = broker.log.epoch()
      await opened.arrived?.()
      for (let times = 0; reopen && times < 2; times++) {
        const again = await reopen()
        assert.equal(again.log.epoch(), epoch)
        assert.ok(again.log.start() >= (seen.at(-1) ?? 0))
        const [kept] = await again.retained('a')
        assert.equal(kept?.sequence, seen.at(-3))
        await publish(again)
      }
      assert.equal(seen.length, reopen ? 18 : 6)
      assert.ok(seen.every((number, index) => number > (seen[index - 1] ?? 0)))
    })

    it('tells live subscribers whether the publisher asked to retain', async () => {
      const { enough } = await collect('a', 2)
      await broker.publish(message('a', '1', { retain: true }))
      await broker.publish(message('a', '2'))
      assert.deepEqual(
        (await enough).map(({ retain }) => retain),
        [abilities.retainFlags, false],
      )
    })

    it('takes topics with names of JavaScript properties', async () => {
      const { enough } = await collect('#', 3)
      for (const topic of ['__proto__', 'constructor/prototype', 'toString'])
        await broker.publish(message(topic, topic, { qos: 1, retain: true }))
      assert.equal((await enough).length, 3)
      await opened.arrived?.()
      assert.equal((await broker.retained('__proto__')).length, 1)
    })

    it('refuses to publish once it has ended, and can be ended and closed again', async () => {
      assert.equal(broker.outage(), null)
      for (const over of [broker.end, broker.end, broker.close, broker.close]) {
        await over()
        assert.notEqual(broker.outage(), null)
        await assert.rejects(async () => broker.publish(message('a', '1')), {
          code: 'broker_unavailable',
        })
      }
    })
  })
}
