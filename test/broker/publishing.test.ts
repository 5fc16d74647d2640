import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Broker } from '../../src/broker/broker.ts'
import type { Delivery } from '../../src/broker/delivery.ts'
import { message } from '../support/message.ts'
import { openManual, openMemory } from './store/stores.ts'

const unavailable = { code: 'broker_unavailable' }

/** Subscribes, and collects the deliveries in order. */
async function listen(broker: Broker, filter = '#') {
  const deliveries: Delivery[] = []
  await broker.subscribe([filter], (delivery) => deliveries.push(delivery))
  return {
    deliveries,
    payloads: () => deliveries.map(({ payload }) => String(payload)),
  }
}

/** A broker whose commits the test answers, with a stored subscriber to `a`. */
async function opened() {
  const at = await openManual()
  const client = await at.connect('client')
  await at.through(client.subscribe('a', 1))
  return { ...at, client, ...(await listen(at.broker)) }
}

describe('publishing', () => {
  it('numbers messages as it delivers them: one that waits for the disk delays its own topic only', async () => {
    const { publish, next, deliveries, payloads } = await opened()
    const first = publish('a', '1')
    const second = publish('a', '2', { qos: 0 })
    const other = publish('b', '3', { qos: 0 })
    await other
    assert.deepEqual(payloads(), ['3'])
    ;(await next()).done()
    await Promise.all([first, second])
    assert.deepEqual(payloads(), ['3', '1', '2'])
    const [before, one, two] = deliveries.map(({ sequence }) => sequence)
    assert.ok(before && one && two && before < one && one < two, `${before} ${one} ${two}`)
  })

  it('delivers a message once it is stored, to queues and listeners', async () => {
    const { publish, next, client, payloads } = await opened()
    const published = publish('a', '1')
    const commit = await next()
    assert.deepEqual([client.queued(), payloads(), client.link.woken], [[], [], 0])
    commit.done()
    await published
    assert.deepEqual([client.queued(), payloads(), client.link.woken], [['1'], ['1'], 1])
    assert.deepEqual(client.link.delivered, [])
  })

  it('does not deliver what could not be stored, and continues with its topic', async () => {
    const { broker, publish, next, client, payloads } = await opened()
    const lost = publish('a', '1')
    const after = publish('a', '2', { qos: 0 })
    ;(await next()).fail(new Error('full'))
    await assert.rejects(lost, { ...unavailable, retryAfter: 1 })
    await after
    assert.deepEqual(payloads(), ['2'])
    assert.deepEqual(client.queued(), [])
    assert.deepEqual(
      client.link.delivered.map(({ payload }) => String(payload)),
      ['2'],
    )
    assert.equal(broker.outage(), 'full')
  })

  it('delivers at once where there is nothing to store', async () => {
    const { broker } = await openMemory()
    const { payloads } = await listen(broker)
    assert.equal(broker.publish(message('b', '1', { qos: 1 })), undefined)
    assert.deepEqual(payloads(), ['1'])
  })

  it('delivers with QoS 0 to a subscription that came while the message was being stored', async () => {
    const { broker, connect, publish, next } = await opened()
    const published = publish('a', '1')
    const commit = await next()
    const [late, passing] = [await connect('late'), await connect('passing', { expiry: 0 })]
    void late.subscribe('a', 1)
    await passing.subscribe('#', 1)
    const { payloads } = await listen(broker, 'a')
    commit.done()
    await published
    assert.deepEqual([late.queued(), late.link.delivered.length], [[], 1])
    assert.deepEqual([passing.queued(), passing.link.delivered.length], [['1'], 0])
    assert.deepEqual(payloads(), ['1'])
  })

  it('allows listeners to come and go during a delivery', async () => {
    const { broker, publish } = await openMemory()
    const seen: string[] = []
    const stop = await broker.subscribe(['a'], () => {
      seen.push('first')
      void stop()
      void broker.subscribe(['a'], () => seen.push('second'))
    })
    await broker.subscribe(['+'], () => seen.push('third'))
    await publish('a', '1')
    assert.deepEqual(seen.toSorted(), ['first', 'third'])
    seen.length = 0
    await publish('a', '2')
    assert.deepEqual(seen.toSorted(), ['second', 'third'])
  })

  it('delivers a message to each session once, however many of its filters cover it', async () => {
    const { connect, publish } = await openMemory()
    const client = await connect('client', { expiry: 0 })
    for (const filter of ['a', '+', '#']) await client.subscribe(filter, 0)
    await publish('a', '1')
    assert.equal(client.link.delivered.length, 1)
  })

  it('does not deliver to a No Local subscription what its own client published', async () => {
    const { connect, publish } = await openMemory()
    const client = await connect('client', { expiry: 0 })
    await client.subscribe('a', 1, { noLocal: true })
    await publish('a', '1', {}, { session: client.session, arrival: null })
    // a will does not count as published by its client
    await publish('a', '2', {}, { session: null, arrival: null })
    assert.deepEqual(client.queued(), ['2'])
  })

  it('keeps RETAIN for subscriptions with Retain As Published', async () => {
    const { connect, publish } = await openMemory()
    const clients = [await connect('plain'), await connect('bridge')]
    await clients[0]?.subscribe('#', 0)
    await clients[1]?.subscribe('#', 0, { retainAsPublished: true })
    await publish('a', '1', { retain: true })
    await publish('a', '2')
    assert.deepEqual(
      clients.map(({ link }) => link.delivered.map(({ retain }) => retain)),
      [
        [false, false],
        [true, false],
      ],
    )
  })

  it('finishes before the broker has ended', async () => {
    const { broker, publish, next, payloads } = await opened()
    const published = publish('a', '1')
    let ended = false
    const end = broker.end().then(() => {
      ended = true
    })
    const commit = await next()
    assert.equal(ended, false)
    commit.done()
    await Promise.all([published, end])
    assert.deepEqual(payloads(), ['1'])
    await assert.rejects(publish('a', '2'), unavailable)
    assert.deepEqual(payloads(), ['1'])
  })
})
