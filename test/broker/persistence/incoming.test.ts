import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGroupCommit } from '../../../src/broker/persistence/group-commit.ts'
import type { PublishPacket } from '../../../src/broker/persistence/packet.ts'
import type { Persistence } from '../../../src/broker/persistence/persistence.ts'
import { createManualDisk } from './manual-disk.ts'
import { KINDS, openFile, openOn, temporaryDirectory } from './stores.ts'
import { packetOf, publish, queued, subscribe } from './traffic.ts'

const client = { id: 'publisher' }
const unknown = { message: 'no such packet' }

/** What aedes does with a QoS 2 PUBLISH: resolves, to whether it published it, before PUBREC. */
async function receive(store: Persistence, from: typeof client, packet: PublishPacket) {
  const { messageId } = packet as { messageId: number }
  const known = await store.incomingGetPacket(from, { messageId }).catch(() => null)
  if (known) return false
  await store.incomingStorePacket(from, packet)
  // as aedes-packet copies it
  await publish(store, { ...packet, messageId: undefined })
  return true
}

const qos2 = (payload: string, messageId: number) => packetOf('x', payload, { qos: 2, messageId })

for (const { name, open } of KINDS)
  describe(`incoming QoS 2, ${name}`, () => {
    test('a DUP is not published again until its PUBREL', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 2])
      assert.equal(await receive(store, client, qos2('1', 7)), true)
      assert.equal(await receive(store, client, qos2('1', 7)), false)
      assert.equal(await receive(store, { id: 'other' }, qos2('2', 7)), true)
      await store.incomingDelPacket(client, { messageId: 7 })
      await assert.rejects(store.incomingDelPacket(client, { messageId: 7 }), unknown)
      assert.equal(await receive(store, client, qos2('3', 7)), true)
      assert.deepEqual(queued(store, 'a'), ['1', '2', '3'])
    })

    test('a clean session forgets', async () => {
      const store = await open()
      await receive(store, client, qos2('1', 7))
      await store.cleanIncoming(client)
      assert.equal(await receive(store, client, qos2('1', 7)), true)
    })
  })

async function openManual() {
  const manual = createManualDisk()
  const store = await openOn(createGroupCommit(manual.disk))
  const subscribed = subscribe(store, 'a', ['#', 2])
  ;(await manual.next()).done()
  await subscribed
  return { ...manual, store }
}

test('an arrival is in the commit of its fan-out, and a DUP waits for that', async () => {
  const { store, next } = await openManual()
  const received = receive(store, client, qos2('1', 7))
  const commit = await next()
  assert.deepEqual(commit.changes.map(([name]) => name).sort(), [
    'enqueue',
    'message',
    'receive',
    'session',
  ])
  let answered = false
  const dup = receive(store, client, qos2('1', 7)).finally(() => {
    answered = true
  })
  await new Promise(setImmediate)
  assert.equal(answered, false)
  commit.done()
  assert.equal(await received, true)
  assert.equal(await dup, false)
})

test('of a fan-out that could not be stored nothing is left, and the DUP is published', async () => {
  const { store, next } = await openManual()
  for (const retain of [false, true]) {
    const packet = { ...qos2('1', 7), retain }
    const received = receive(store, client, packet)
    const commit = await next()
    const dup = receive(store, client, { ...packet, payload: Buffer.from('1') })
    commit.fail(new Error('full'))
    await assert.rejects(received, { code: 'broker_unavailable' })
    assert.deepEqual(queued(store, 'a'), [])
    // the same packet again: retained first where it is to be, then fanned out
    for (let commits = retain ? 2 : 1; commits > 0; commits--) (await next()).done()
    assert.equal(await dup, true)
    assert.deepEqual(queued(store, 'a'), ['1'])
    const end = Promise.all([
      store.incomingDelPacket(client, { messageId: 7 }),
      store.cleanSubscriptions({ id: 'a' }).then(() => subscribe(store, 'a', ['#', 2])),
    ])
    for (let commits = 0; commits < 2; commits++) (await next()).done()
    await end
  }
})

test('of a clean session nothing is written', async () => {
  const { store, isAsked } = await openManual()
  await store.cleanSubscriptions({ id: 'nobody' })
  await receive(store, { id: 'p', clean: true } as typeof client, { ...qos2('1', 7), topic: '$x' })
  await store.incomingDelPacket({ id: 'p' }, { messageId: 7 })
  await store.cleanIncoming({ id: 'p' })
  assert.equal(isAsked(), false)
})

test('publishing the payload of an arrival once more is another message', async () => {
  const store = await openFile(temporaryDirectory())
  const packet = qos2('1', 7)
  await receive(store, client, packet)
  await store.incomingDelPacket(client, { messageId: 7 })
  await publish(store, { ...packetOf('y', '', { qos: 2 }), payload: packet.payload })
  await assert.rejects(store.incomingGetPacket(client, { messageId: 7 }), unknown)
})

test('arrivals are known after a restart, by whom and when', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const properties = { device: 'a.d.wott.local', time: 1_700_000_000_000 }
  await receive(before, client, { ...qos2('1', 7), properties })
  await receive(before, client, qos2('2', 8))
  await before.incomingDelPacket(client, { messageId: 8 })
  await before.destroy()

  const store = await openFile(directory)
  assert.equal(await receive(store, client, qos2('1', 7)), false)
  assert.equal(await receive(store, client, qos2('3', 8)), true)
  const known = await store.incomingGetPacket(client, { messageId: 7 })
  assert.deepEqual(known.properties, properties)
})
