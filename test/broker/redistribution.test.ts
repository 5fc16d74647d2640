import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { payloadsOf, type TestClient } from './store/clients.ts'
import {
  createTally,
  KINDS,
  openFile,
  openManual,
  openMemory,
  temporaryDirectory,
} from './store/stores.ts'
import type { TestBroker } from './store/test-broker.ts'

const NAME = '$share/g/+'

/** A member of the group. */
async function memberOf(at: TestBroker, name: string, expiry = 3_600): Promise<TestClient> {
  const member = await at.connect(name, { expiry })
  await member.subscribe(NAME, 2)
  return member
}

/** The only member of its group, with two messages in flight and two that wait. */
async function holderIn(at: TestBroker, expiry = 3_600, qos: 1 | 2 = 1): Promise<TestClient> {
  const holder = await memberOf(at, 'holder', expiry)
  for (const payload of ['1', '2', '3', '4']) await at.publish('x', payload, { qos })
  assert.deepEqual(payloadsOf(holder.send(2)), ['1', '2'])
  return holder
}

/** Resolves once messages that move to another member have moved. */
async function moved({ store }: TestBroker): Promise<void> {
  await store.stored()
  await nextTurn()
}

for (const { name, open } of KINDS)
  for (const [kind, expiry] of [
    ['that goes on', 3_600],
    ['that ends', 0],
  ] as const)
    describe(`an unacknowledged message of a member with a session ${kind}, ${name}`, () => {
      for (const [other, otherExpiry] of [
        ['with a session', 3_600],
        ['without a session', 0],
      ] as const)
        it(`goes to another member ${other} when its member leaves, in order and with its properties`, async () => {
          const at = await open()
          const holder = await holderIn(at, expiry)
          const properties = { contentType: 'text/plain' }
          await at.publish('x', '5', { properties, expires: 9e12 })
          const next = await memberOf(at, 'next', otherExpiry)
          holder.leave()
          await moved(at)
          assert.deepEqual(next.queued(), ['1', '2', '3', '4', '5'])
          assert.deepEqual(holder.queued(), [])
          const last = next.entries().at(-1)
          assert.deepEqual(last?.message?.properties, properties)
          assert.equal(last?.message?.expires, 9e12)
          next.acknowledge(...next.send())
          assert.equal(at.store.stats().queuedBytes, 0)
        })

      it('stays in the session, or ends with it, where it was sent with QoS 2 [MQTT-4.8.2-5]', async () => {
        const at = await open()
        const holder = await holderIn(at, expiry, 2)
        const next = await memberOf(at, 'next')
        holder.leave()
        await moved(at)
        assert.deepEqual(next.queued(), ['3', '4'])
        assert.deepEqual(holder.queued(), expiry > 0 ? ['1', '2'] : [])
      })
    })

describe('an unacknowledged message of a group', () => {
  it('waits for its member while no other is connected, and goes to an absent one only when the session ends', async () => {
    const at = await openMemory()
    const holder = await holderIn(at)
    const away = await memberOf(at, 'away')
    away.leave()
    holder.leave()
    await moved(at)
    assert.deepEqual([holder.queued().length, away.queued().length], [4, 0])
    const again = await at.connect('holder')
    assert.deepEqual(payloadsOf(again.send()), ['1', '2', '3', '4'])
    again.leave({ expiry: 0 })
    await moved(at)
    assert.deepEqual(away.queued(), ['1', '2', '3', '4'])
  })

  it('stays with its member when a new connection takes the session over', async () => {
    const at = await openMemory()
    await holderIn(at)
    const next = await memberOf(at, 'next')
    const again = await at.connect('holder')
    await moved(at)
    assert.deepEqual([again.queued().length, next.queued().length], [4, 0])
  })

  it('goes only to a member that may read it and subscribed with QoS 1 or 2', async () => {
    const rules =
      'pattern readwrite x\nuser holder\ntopic readwrite y\nuser qos0\ntopic readwrite y\n'
    const at = await openMemory({ rules })
    const holder = await memberOf(at, 'holder')
    for (const [topic, payload] of [
      ['x', '1'],
      ['y', '2'],
      ['x', '3'],
    ] as const)
      await at.publish(topic, payload, { qos: 2 })
    const qos0 = await at.connect('qos0', { expiry: 0 })
    await qos0.subscribe(NAME, 0)
    holder.leave()
    await moved(at)
    assert.deepEqual(holder.queued(), ['1', '2', '3'])
    await at.connect('holder')
    qos0.leave()
    const next = await at.connect('next')
    await next.subscribe(NAME, 1)
    ;(await at.connect('holder')).leave()
    await moved(at)
    assert.deepEqual(holder.queued(), ['2'])
    assert.deepEqual(
      next.entries().map(({ message, qos }) => [String(message?.payload), qos]),
      [
        ['1', 1],
        ['3', 1],
      ],
    )
  })

  it('stays with its member where the other one has no room for it', async () => {
    const { counts, onBound } = createTally()
    const limits = { messagesPerSession: 6, whenFull: 'refuse' } as const
    const at = await openMemory({ limits, onBound })
    const holder = await holderIn(at)
    const next = await memberOf(at, 'next')
    await next.subscribe('own/#', 1)
    for (let n = 0; n < 5; n++) await at.publish('own/x', 'x')
    assert.deepEqual([holder.queued().length, next.queued().length], [4, 5])
    holder.leave()
    await moved(at)
    assert.deepEqual([holder.queued().length, next.queued().length], [3, 6])
    assert.deepEqual(counts, { queue_messages: 3 })
    assert.deepEqual([...holder.queued(), next.queued().at(-1)].toSorted(), ['1', '2', '3', '4'])
  })
})

describe('a message that moves to another member', () => {
  /** A member that has left with one message sent and one unsent, and another member; the test answers the commits. */
  async function moving(qos: 1 | 2) {
    const at = await openManual()
    const holder = await at.connect('holder')
    await at.through(holder.subscribe(NAME, 2))
    for (const payload of ['sent', 'unsent']) await at.through(at.publish('x', payload, { qos }))
    holder.send(1)
    const next = await at.connect('next')
    await at.through(next.subscribe(NAME, 2))
    holder.leave()
    return { ...at, holder, next: next, commit: await at.next() }
  }

  it('is stored for both members before it leaves one, so that a crash repeats it rather than loses it', async () => {
    const { commit, store, through } = await moving(1)
    const names = commit.changes.map(([name]) => name)
    assert.equal(names.filter((name) => name === 'enqueue').length, 2)
    assert.ok(!names.includes('dequeue'))
    commit.done()
    await through(store.stored())
  })

  it('is not sent to its old member that comes back, as QoS 2 would arrive twice', async () => {
    const { commit, connect, holder, next, store, through } = await moving(2)
    const again = await connect('holder')
    assert.deepEqual(payloadsOf(again.send()), ['sent'])
    commit.done()
    await through(store.stored())
    assert.deepEqual(payloadsOf(again.send()), [])
    assert.deepEqual([holder.queued(), next.queued()], [['sent'], ['unsent']])
  })

  it('moves once, though its old session ends meanwhile', async () => {
    const { commit, connect, next, store, through } = await moving(2)
    await connect('holder', { cleanStart: true })
    commit.done()
    await through(store.stored())
    assert.deepEqual(next.queued(), ['unsent'])
    assert.equal(store.stats().queuedBytes, 'xunsent'.length)
  })

  for (const isBack of [false, true])
    it(`stays with its old member, ${isBack ? 'back again' : 'still away'}, when the move cannot be stored`, async () => {
      const { commit, connect, holder, next, store, through } = await moving(2)
      const again = isBack ? await connect('holder') : holder
      commit.fail(new Error('full'))
      await through(store.stored())
      assert.deepEqual(next.queued(), [])
      assert.deepEqual(again.queued(), ['sent', 'unsent'])
      const [sent, unsent] = (await connect('holder')).send()
      assert.deepEqual([sent?.packetId, unsent?.packetId], [1, 2])
      assert.equal(store.stats().queuedBytes, 'xsentxunsent'.length)
    })

  it('goes to a third member when the session of the second ends meanwhile', async () => {
    const { commit, connect, next, store, through, holder } = await moving(1)
    const third = await connect('third')
    const subscribed = third.subscribe(NAME, 1)
    next.leave({ expiry: 0 })
    commit.done()
    await through(subscribed)
    await through(store.stored())
    assert.deepEqual([holder.queued(), third.queued()], [[], ['sent', 'unsent']])
  })
})

describe('a message that is being stored for a member whose session ends', () => {
  for (const [other, expiry] of [
    ['with a session', 3_600],
    ['without a session', 0],
  ] as const)
    it(`goes to another member ${other}`, async () => {
      const at = await openManual()
      const first = await at.connect('first')
      await at.through(first.subscribe(NAME, 1))
      const published = at.publish('x', '1')
      const commit = await at.next()
      const other = await at.connect('other', { expiry })
      const subscribed = other.subscribe(NAME, 1)
      first.leave({ expiry: 0 })
      commit.done()
      await at.through(Promise.all([published, subscribed]))
      await at.through(at.store.stored())
      assert.deepEqual(other.queued(), ['1'])
    })
})

describe('shared messages when the gateway stops', () => {
  it('stay with the sessions that go on, which also take those of sessions that end', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    const kept = await memberOf(before, 'kept')
    await before.publish('x', '1')
    const passing = await memberOf(before, 'passing', 0)
    kept.link.hasRoom = () => false
    for (const payload of ['2', '3']) await before.publish('x', payload)
    assert.deepEqual([kept.queued(), passing.queued()], [['1'], ['2', '3']])
    await before.broker.close()

    const at = await openFile(directory)
    assert.deepEqual((await at.connect('kept')).queued(), ['1', '2', '3'])
  })

  it('are in some queue after a crash, whenever it comes', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(join(directory, 'before'))
    const holder = await holderIn(before)
    await memberOf(before, 'next')
    await moved(before)
    holder.leave()
    for (const copy of ['at once', 'stored']) {
      await cp(join(directory, 'before'), join(directory, copy), { recursive: true })
      const at = await openFile(join(directory, copy))
      const found = [await at.connect('holder'), await at.connect('next')].flatMap((member) =>
        member.queued(),
      )
      assert.deepEqual([...new Set(found)].toSorted(), ['1', '2', '3', '4'])
      if (copy === 'at once') await moved(before)
      else assert.equal(found.length, 4)
    }
  })
})
