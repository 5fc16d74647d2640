import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { PublishPacket } from '../../../src/broker/persistence/packet.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import { packetOf, publish, queued, sendAll, subscribe } from './traffic.ts'

test('queues keep their order over restarts, whatever the broker calls its messages', async () => {
  const directory = temporaryDirectory()
  for (const boot of [0, 1, 2, 3]) {
    const store = await openFile(directory)
    if (boot === 0) await subscribe(store, 'a', ['#', 1])
    // the same broker id every time, and its counter from the start
    for (const n of [1, 2, 3]) {
      const packet = packetOf('x', `${boot}.${n}`, { brokerId: 'fixed', brokerCounter: n })
      await publish(store, packet)
    }
    await store.destroy()
  }
  const store = await openFile(directory)
  const order = [0, 1, 2, 3].flatMap((boot) => [1, 2, 3].map((n) => `${boot}.${n}`))
  assert.deepEqual(queued(store, 'a'), order)
  const names = store.outgoing({ id: 'a' }).map((packet) => {
    const { brokerId, brokerCounter } = packet as PublishPacket
    return `${brokerId} ${brokerCounter}`
  })
  assert.equal(new Set(names).size, order.length)
})

test('what was sent is sent again with its identifier and DUP, and released stays released', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  await subscribe(before, 'a', ['#', 2])
  const properties = { device: 'a.d.wott.local', time: 1_700_000_000_000 }
  for (const payload of ['1', '2', '3'])
    await publish(before, packetOf('x', payload, { qos: 2, properties }))
  const [first, second, third] = await sendAll(before, { id: 'a' })
  await publish(before, packetOf('x', '4', { properties }))
  await before.outgoingUpdate({ id: 'a' }, { cmd: 'pubrel', messageId: first?.messageId as number })
  await before.outgoingClearMessageId({ id: 'a' }, { messageId: second?.messageId as number })
  await before.destroy()

  const store = await openFile(directory)
  const [released, sent, unsent] = store.outgoing({ id: 'a' })
  assert.deepEqual(released, { cmd: 'pubrel', messageId: first?.messageId })
  const named = { brokerId: '$store', brokerCounter: (sent as PublishPacket).brokerCounter }
  const payload = Buffer.from('3')
  const { messageId } = third as PublishPacket
  const common = { cmd: 'publish', topic: 'x', retain: false, properties } as const
  assert.deepEqual(sent, { ...common, ...named, payload, qos: 2, dup: true, messageId })
  const { qos, dup, messageId: none } = unsent as PublishPacket
  assert.deepEqual([qos, dup, none], [1, false, undefined])
  assert.equal(store.stats().queuedBytes, 4)
  // and the exchange goes on
  await sendAll(store, { id: 'a' })
  await store.outgoingClearMessageId({ id: 'a' }, released as { messageId: number })
  assert.deepEqual(queued(store, 'a'), ['3', '4'])
})

test('a message is stored once for all who wait for it, and not at all for nobody', async () => {
  const directory = temporaryDirectory()
  const store = await openFile(directory)
  for (const id of ['a', 'b', 'c']) await subscribe(store, id, ['#', 1])
  await publish(store, packetOf('x', '1'))
  await publish(store, packetOf('x', '2'))
  for (const id of ['a', 'b', 'c']) {
    const [sent] = await sendAll(store, { id })
    await store.outgoingClearMessageId({ id }, sent as { messageId: number })
  }
  await store.destroy()
  const db = new DatabaseSync(`${directory}/broker.sqlite`)
  const count = (table: string) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
  assert.deepEqual([count('messages'), count('queue')], [1, 3])
  db.close()
})

test('what a new subscription brought is still that after a restart', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  await subscribe(before, 'a', ['#', 1])
  await before.storeRetained(packetOf('x', '1', { retain: true }))
  await before.outgoingEnqueueRetained({ id: 'a' }, before.retainedOn('x') as PublishPacket, 1)
  await before.destroy()
  const store = await openFile(directory)
  const [packet] = store.outgoing({ id: 'a' }) as PublishPacket[]
  assert.deepEqual([String(packet?.payload), packet?.retain], ['1', true])
})
