import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../../src/broker/delivery.ts'
import type { QueueRecipient } from '../../../src/broker/store/queue-entry.ts'
import { message } from '../../support/message.ts'
import type { TestClient } from './clients.ts'
import { openManual } from './stores.ts'

const unavailable = { code: 'broker_unavailable' }

/** Two subscribers and a publisher, all in the store, whose commits the test answers. */
async function opened() {
  const at = await openManual()
  const [a, b] = [await at.connect('a'), await at.connect('b')]
  const publisher = await at.connect('publisher')
  await at.through(at.store.stored())
  const arrival = at.broker.sessions.arrive(publisher.session, 7)
  assert.ok(arrival)
  return { ...at, clients: [a, b], from: { session: publisher.session, arrival } }
}

function toReceiver({ session }: TestClient): QueueRecipient {
  const match = {
    session,
    qos: 2,
    retainAsPublished: false,
    identifiers: [5],
    group: null,
  } as const
  return { match, qos: 2, retain: false }
}

let last = 0

/** A message with the number that the broker gives it before it is stored. */
function numbered(...as: Parameters<typeof message>): Delivery {
  last += 1
  return { ...message(...as), sequence: last }
}

const retained = numbered('x', '1', { qos: 2, retain: true })

test('a message, its retained value, its places in queues and its arrival are one commit', async () => {
  const { broker, store, clients, from, next } = await opened()
  const stored = store.storeMessage(retained, clients.map(toReceiver), from)
  const commit = await next()
  const names = commit.changes.map(([name]) => name)
  assert.deepEqual(names.toSorted(), ['append', 'enqueue', 'enqueue', 'receive', 'retain'])
  // nothing of it can be seen before
  assert.deepEqual(
    clients.map((client) => client.queued()),
    [[], []],
  )
  assert.deepEqual(await broker.retained('#'), [])
  commit.done()
  await stored
  assert.deepEqual(
    clients.map((client) => client.queued()),
    [['1'], ['1']],
  )
  assert.deepEqual(clients[0]?.entries()[0]?.identifiers, [5])
  assert.equal((await broker.retained('#')).length, 1)
  assert.equal(store.stats().queuedBytes, 2)
})

test('they are one commit also when that is already full', async () => {
  const { store, clients, from, next } = await opened()
  const [a] = clients as [TestClient]
  const before = Array.from({ length: 4_095 }, (_, n) => a.subscribe(`${n}`, 1))
  const stored = store.storeMessage(retained, clients.map(toReceiver), from)
  const first = await next()
  assert.ok(first.changes.length >= 4_096)
  assert.deepEqual(
    first.changes.slice(4_095).map(([name]) => name),
    ['append', 'receive', 'retain', 'enqueue', 'enqueue'],
  )
  first.done()
  await Promise.all([...before, stored])
})

test('a message that could not be stored leaves nothing', async () => {
  const { broker, store, clients, from, next } = await opened()
  const stored = store.storeMessage(retained, clients.map(toReceiver), from)
  ;(await next()).fail(new Error('full'))
  await assert.rejects(stored, unavailable)
  assert.deepEqual(
    clients.map((client) => client.queued()),
    [[], []],
  )
  assert.deepEqual(await broker.retained('#'), [])
  assert.equal(broker.sessions.retainedOn('x'), undefined)
  assert.equal(store.stats().queuedBytes, 0)
  assert.deepEqual(
    clients.map(({ session }) => session.queue.length()),
    [0, 0],
  )
})

test('an empty retained message that clears nothing is still queued', async () => {
  const { store, clients, from, next } = await opened()
  const empty = numbered('x', '', { qos: 2, retain: true })
  const stored = store.storeMessage(empty, clients.map(toReceiver), from)
  const commit = await next()
  assert.deepEqual(commit.changes.map(([name]) => name).toSorted(), [
    ...['append', 'enqueue', 'enqueue', 'receive'],
  ])
  commit.done()
  await stored
  assert.deepEqual(clients[0]?.queued(), [''])
})

test('a message without queues is only in the log, and with QoS 0 is not waited for', async () => {
  const { broker, store, next, isAsked } = await opened()
  const [qos0, qos1] = [0, 1].map((qos) => numbered('x', '1', { qos: qos as 0 | 1, retain: true }))
  assert.ok(qos0 && qos1)
  await store.storeMessage(qos0, [], null)
  assert.equal(isAsked(), false)
  assert.equal((await broker.retained('#')).length, 1)
  const stored = store.storeMessage(qos1, [], null)
  const { changes, done } = await next()
  assert.deepEqual(
    changes.map(([name]) => name),
    ['append', 'retain', 'append', 'retain'],
  )
  done()
  await stored
})

test('messages are in each queue in the order in which they were stored', async () => {
  const { store, clients, next } = await opened()
  const [a, b] = clients.map(toReceiver) as [QueueRecipient, QueueRecipient]
  const stored = [
    store.storeMessage(numbered('x', '1', { qos: 2, retain: true }), [a], null),
    store.storeMessage(numbered('y', '2', { qos: 2 }), [b, a], null),
    store.storeMessage(numbered('x', '3', { qos: 2, retain: true }), [a, b], null),
  ]
  ;(await next()).done()
  await Promise.all(stored)
  assert.deepEqual(
    clients.map((client) => client.queued()),
    [
      ['1', '2', '3'],
      ['2', '3'],
    ],
  )
})
