import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Delivery } from '../../src/broker/delivery.ts'
import { type Catalog, createCatalog, type TopicEntry } from '../../src/catalog/catalog.ts'
import { createOwnMessages, GATEWAY_NAME } from '../../src/presence/own-messages.ts'
import { openPresence } from '../../src/presence/presence.ts'
import { createStatusTopics } from '../../src/presence/status-topics.ts'
import { temporaryFolder } from '../cli/program.ts'
import { openMqtt } from '../support/broker.ts'
import { message } from '../support/message.ts'

const entry = (pattern: string, silenceMs: number | null): TopicEntry => ({
  pattern,
  silenceMs,
  fields: [
    { line: 1, field: null, name: null, unit: null, deviceClass: null, min: null, max: null },
  ],
})

interface Options {
  readonly address?: string
  readonly catalog?: Catalog
  readonly topics?: number
  readonly topicsPerDevice?: number
  readonly ttlMs?: number
}

async function start({
  address = 'memory:',
  catalog = createCatalog([entry('t/#', 100)], null),
  topics = 100,
  topicsPerDevice = 50,
  ttlMs = 3_600_000,
}: Options = {}) {
  const { broker } = await openMqtt(address, '')
  const said: string[] = []
  const deliveries: Delivery[] = []
  let wake = () => {}
  await broker.subscribe(['status/#'], (delivery) => {
    deliveries.push(delivery)
    said.push(`${delivery.topic} ${delivery.payload}`)
    wake()
  })
  const own = createOwnMessages(broker, (error) => assert.fail(error as Error))
  let current = catalog
  const presence = await openPresence({
    broker,
    own,
    topics,
    topicsPerDevice,
    ttlMs,
    readTopics: broker.log.readTopics,
    catalog: () => current,
    statusTopics: createStatusTopics('status/%u'),
    isUsed: true,
    watchesNumbers: false,
  })
  await presence.restore()
  own.start()
  return {
    broker,
    presence,
    said,
    deliveries,
    async publish(device: string, topic: string, payload = '1', more: Partial<Delivery> = {}) {
      const now = Date.now()
      await broker.publish(
        message(topic, payload, { device, qos: 1, time: now, received: now, ...more }),
      )
    },
    /** The next status messages, once there are that many. */
    async heard(count: number): Promise<string[]> {
      while (said.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return said.splice(0, count)
    },
    change(next: Catalog) {
      current = next
      presence.recheck()
    },
    async [Symbol.asyncDispose]() {
      own.close()
      await presence.close()
      await broker.close()
    },
  }
}

const both = (device: string, topic: string, state: string) => [
  `status/${device}/${topic} ${state}`.trimEnd(),
  `status/${device} ${state}`.trimEnd(),
]

describe('the presence of devices', () => {
  it('is published when a topic is heard first, falls silent and is heard again', async () => {
    await using at = await start()
    const begun = performance.now()
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'offline'))
    assert.ok(performance.now() - begun >= 90)
    const [status] = await at.broker.retained('status/a/t/1')
    assert.equal(`${status?.payload}`, 'offline')
    assert.equal(status?.device, GATEWAY_NAME)
    const [name, time = ''] = status?.properties?.userProperties?.[0] ?? []
    assert.equal(name, 'last-heard')
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 5000)
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
    assert.ok(at.deliveries.every(({ qos, retain }) => qos === 1 && retain))
  })

  it('is published per topic, and per device once all of its topics are silent', async () => {
    const catalog = createCatalog([entry('t/1', 100), entry('t/2', 400)], null)
    await using at = await start({ catalog })
    await at.publish('a', 't/1')
    await at.publish('a', 't/2')
    assert.deepEqual((await at.heard(3)).sort(), [
      'status/a online',
      'status/a/t/1 online',
      'status/a/t/2 online',
    ])
    assert.deepEqual(await at.heard(1), ['status/a/t/1 offline'])
    assert.deepEqual(await at.heard(2), both('a', 't/2', 'offline'))
  })

  it('is not published for topics without a silence, topics with "$", and status topics', async () => {
    await using at = await start({ catalog: createCatalog([entry('quiet/#', null)], 60_000) })
    await at.publish('a', 'quiet/1')
    await at.publish('a', '$SYS/x')
    await at.publish('a', 'status/a/forged', 'online')
    await at.publish('a', 't/empty', '', { retain: true })
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(3), ['status/a/forged online', ...both('a', 't/1', 'online')])
    assert.deepEqual(
      [...at.presence.all()].map(({ topic }) => topic),
      ['t/1'],
    )
  })

  it('is forgotten when a client clears the status topic', async () => {
    await using at = await start()
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
    await at.publish('operator', 'status/a/t/1', '', { retain: true })
    assert.deepEqual(await at.heard(3), ['status/a/t/1 ', 'status/a/t/1 ', 'status/a '])
    assert.deepEqual([...at.presence.all()], [])
    assert.deepEqual(await at.broker.retained('status/#'), [])
  })

  it('is watched for a bounded number of topics, and the others are counted', async () => {
    await using at = await start({ topics: 3, topicsPerDevice: 2 })
    for (const topic of ['t/1', 't/2', 't/3', 't/2']) await at.publish('a', topic)
    await at.publish('b', 't/1')
    await at.publish('c', 't/1')
    await at.publish('b', `t/${'x'.repeat(600)}`)
    const watched = [...at.presence.all()].map(({ device, topic }) => `${device} ${topic}`)
    assert.deepEqual(watched, ['a t/1', 'a t/2', 'b t/1'])
    assert.equal(at.presence.overflowed, 3)
  })

  it('follows a new topics file', async () => {
    await using at = await start({ catalog: createCatalog([entry('t/#', 60_000)], null) })
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
    at.change(createCatalog([entry('t/#', 50)], null))
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'offline'))
    at.change(createCatalog([entry('t/#', 60_000)], null))
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
    at.change(createCatalog([], null))
    assert.deepEqual(await at.heard(2), ['status/a/t/1 ', 'status/a '])
    assert.deepEqual([...at.presence.all()], [])
    assert.deepEqual(await at.broker.retained('status/#'), [])
  })
})

describe('presence after a restart', () => {
  it('gives a device its full time to be heard, and keeps silent topics silent', async () => {
    await using folder = await temporaryFolder()
    const address = `file:${folder.path}/store`
    const catalog = createCatalog([entry('long/#', 400), entry('t/#', 50)], null)
    {
      await using at = await start({ address, catalog })
      await at.publish('a', 't/1')
      assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
      assert.deepEqual(await at.heard(2), both('a', 't/1', 'offline'))
      // an hour ago by the log
      await at.publish('b', 'long/1', '1', { received: Date.now() - 3_600_000 })
      assert.deepEqual(await at.heard(2), both('b', 'long/1', 'online'))
    }
    const begun = performance.now()
    await using at = await start({ address, catalog })
    const states = () => [...at.presence.all()].map(({ topic, state }) => `${topic} ${state}`)
    assert.deepEqual(states(), ['long/1 online', 't/1 offline'])
    assert.deepEqual(await at.heard(2), both('b', 'long/1', 'offline'))
    assert.ok(performance.now() - begun >= 390)
    await at.publish('a', 't/1')
    assert.deepEqual(await at.heard(2), both('a', 't/1', 'online'))
  })

  it('has a topic online that came back just before, and clears topics that the file no longer names', async () => {
    await using folder = await temporaryFolder()
    const address = `file:${folder.path}/store`
    {
      await using at = await start({ address })
      await at.publish('a', 't/1')
      await at.publish('b', 't/2')
      await at.heard(8)
      // as after a crash between the two
      await at.presence.close()
      await at.publish('a', 't/1')
    }
    const catalog = createCatalog([entry('t/1', 60_000)], null)
    await using at = await start({ address, catalog })
    assert.deepEqual((await at.heard(4)).sort(), [
      'status/a online',
      'status/a/t/1 online',
      'status/b ',
      'status/b/t/2 ',
    ])
  })

  it('forgets a device that has been silent for too long', async () => {
    await using folder = await temporaryFolder()
    const address = `file:${folder.path}/store`
    {
      await using at = await start({ address })
      await at.publish('a', 't/1', '1', { received: Date.now() - 10_000 })
      await at.heard(4)
    }
    await using at = await start({ address, ttlMs: 5_000 })
    assert.deepEqual(await at.heard(2), ['status/a/t/1 ', 'status/a '])
    assert.deepEqual([...at.presence.all()], [])
  })
})

describe('status topics', () => {
  it('lead back to their devices', () => {
    const topics = createStatusTopics('site/%u/status')
    assert.equal(topics.filter, 'site/+/status/#')
    assert.equal(topics.ofDevice('a'), 'site/a/status')
    assert.deepEqual(topics.parse('site/a/status'), { device: 'a', topic: null })
    assert.deepEqual(topics.parse(topics.ofTopic('a', 'x/y')), { device: 'a', topic: 'x/y' })
    assert.deepEqual(topics.parse(topics.ofTopic('a', '/')), { device: 'a', topic: '/' })
    for (const other of ['site/a', 'site/a/x', 'other/a/status', 'x'])
      assert.equal(topics.parse(other), null)
  })
})
