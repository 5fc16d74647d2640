import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Delivery } from '../../../src/broker/delivery.ts'
import { EVERY_PROPERTY } from '../../support/message.ts'
import { openFile, temporaryDirectory } from './stores.ts'

/** All optional fields of a message. */
const said = {
  device: 'a.d.wott.local',
  time: 1_700_000_000_000,
  received: 1_700_000_000_500,
  expires: 9e12,
  properties: EVERY_PROPERTY,
}

test('queues keep their order over restarts', async () => {
  const directory = temporaryDirectory()
  for (const boot of [0, 1, 2, 3]) {
    const at = await openFile(directory)
    const a = await at.connect('a')
    if (boot === 0) await a.subscribe('#', 1)
    for (const n of [1, 2, 3]) await at.publish('x', `${boot}.${n}`)
    await at.broker.close()
  }
  const a = await (await openFile(directory)).connect('a')
  const order = [0, 1, 2, 3].flatMap((boot) => [1, 2, 3].map((n) => `${boot}.${n}`))
  assert.deepEqual(a.queued(), order)
  assert.equal(new Set(a.entries().map(({ id }) => id)).size, order.length)
})

for (const end of ['a restart', 'a crash'])
  test(`messages in flight are repeated with their identifiers, and released ones stay released, after ${end}`, async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    const a = await before.connect('a')
    await a.subscribe('#', 2, { identifier: 7 })
    for (const payload of ['1', '2', '3']) await before.publish('x', payload, { qos: 2, ...said })
    const [first, second, third] = a.send()
    assert.ok(first && second && third)
    await before.publish('x', '4', said)
    await before.broker.sessions.release(a.session, first)
    a.acknowledge(second)
    if (end === 'a crash') await before.crash()
    else await before.broker.close()

    const at = await openFile(directory)
    const again = await at.connect('a')
    const [released, sent, unsent, ...more] = again.send()
    assert.ok(released && sent && unsent)
    assert.deepEqual(more, [])
    assert.deepEqual(
      [released.packetId, released.isReleased, released.message],
      [first.packetId, true, null],
    )
    assert.deepEqual(
      [sent.packetId, sent.isReleased, sent.qos, sent.retain, sent.identifiers],
      [third.packetId, false, 2, false, [7]],
    )
    const { payload, topic, ...rest } = sent.message as Delivery
    assert.deepEqual([topic, String(payload)], ['x', '3'])
    const { sequence } = third.message as Delivery
    assert.deepEqual(rest, { ...said, qos: 2, retain: false, sequence })
    assert.deepEqual([unsent.qos, unsent.identifiers], [1, [7]])
    // the new message has an identifier that is not in use
    assert.equal(new Set([released, sent, unsent].map(({ packetId }) => packetId)).size, 3)
    // the exchange continues
    again.acknowledge(released)
    assert.deepEqual(again.queued(), ['3', '4'])
  })

test('a message is stored once for all queues, and stays in the log afterwards', async () => {
  const directory = temporaryDirectory()
  const at = await openFile(directory)
  const clients = [await at.connect('a'), await at.connect('b'), await at.connect('c')]
  for (const client of clients) await client.subscribe('#', 1)
  await at.publish('x', '1')
  await at.publish('x', '2')
  for (const client of clients) client.acknowledge(...client.send(1))
  await at.broker.close()
  const db = new DatabaseSync(`${directory}/broker.sqlite`)
  const count = (table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
  assert.deepEqual([count('log'), count('queue')], [2, 3])
  db.close()
})

test('a queued retained message keeps its RETAIN over a restart', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const { sessions } = before.broker
  const a = await before.connect('a')
  await before.publish('x', '1', { retain: true, ...said })
  const match = { session: a.session, qos: 1, retainAsPublished: false } as const
  await sessions.enqueueRetained(
    { ...match, identifiers: [3, 4], group: null },
    sessions.retainedOn('x') ?? assert.fail(),
    1,
  )
  await before.broker.close()
  const [entry] = (await (await openFile(directory)).connect('a')).entries()
  assert.deepEqual(
    [String(entry?.message?.payload), entry?.retain, entry?.identifiers],
    ['1', true, [3, 4]],
  )
  assert.deepEqual(entry?.message?.properties, EVERY_PROPERTY)
})

test('retained messages survive a restart with all their fields', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  await before.publish('a', '1', { retain: true, ...said })
  await before.publish('b', '2', { retain: true })
  await before.publish('c', '3', { retain: true })
  await before.publish('c', '', { retain: true })
  await before.publish('d', '4', { qos: 0, retain: true, device: null })
  const retained = await before.broker.retained('#')
  await before.broker.close()

  const after = await (await openFile(directory)).broker.retained('#')
  assert.deepEqual(after, retained)
  assert.deepEqual(
    after.map(({ topic, payload, qos }) => [topic, String(payload), qos]),
    [
      ['a', '1', 1],
      ['b', '2', 1],
      ['d', '4', 0],
    ],
  )
  const { device, time, received, expires, properties: kept } = after[0] as Delivery
  assert.deepEqual({ device, time, received, expires, properties: kept }, said)
})
