import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTally, KINDS, openFile, temporaryDirectory } from './stores.ts'
import { packetOf, publish, queued, subscribe } from './traffic.ts'

const HOUR = 3_600_000
const unavailable = { code: 'broker_unavailable' }

for (const { name, open } of KINDS)
  describe(`sessions, ${name}`, () => {
    test('a clean start ends what was there [MQTT-3.1.2-6]', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      await publish(store, packetOf('x', '1'))
      await store.cleanSubscriptions({ id: 'a' })
      await subscribe(store, 'a', ['y', 1])
      assert.deepEqual(queued(store, 'a'), [])
      assert.equal(store.stats().queuedBytes, 0)
      await publish(store, packetOf('x', '2'))
      assert.deepEqual(queued(store, 'a'), [])
    })

    test('what was on its way to a session that ended is gone with it', async () => {
      const store = await open()
      await subscribe(store, 'a', ['#', 1])
      const published = publish(store, packetOf('x', '1'))
      await Promise.all([published, store.cleanSubscriptions({ id: 'a' })])
      await subscribe(store, 'a', ['#', 1])
      assert.deepEqual(queued(store, 'a'), [])
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('sessions expire by when their client was last there', async () => {
      const { counts, onBound } = createTally()
      let time = 0
      const limits = { sessionExpiry: HOUR }
      const store = await open({ limits, onBound, now: () => time })
      for (const id of ['gone', 'there', 'back']) {
        store.touch(id, true)
        await subscribe(store, id, ['#', 1])
      }
      store.touch('gone', false)
      store.touch('back', false)
      await publish(store, packetOf('x', '1'))
      time = HOUR / 2
      store.touch('back', true)
      store.touch('back', false)
      time = HOUR + 1
      store.sweep()
      assert.deepEqual(counts, { session_expired: 1 })
      assert.deepEqual(await store.getClientList('#').toArray(), ['there', 'back'])
      assert.deepEqual(queued(store, 'gone'), [])
      assert.deepEqual(queued(store, 'back'), ['1'])
      // a stranger is not made a session
      store.touch('gone', true)
      assert.equal(store.stats().sessions, 2)
    })

    test('a session that was made once its client had left expires too', async () => {
      let time = 0
      const store = await open({ limits: { sessionExpiry: HOUR }, now: () => time })
      store.touch('late', true)
      store.touch('late', false)
      await subscribe(store, 'late', ['#', 1])
      time = HOUR + 1
      store.sweep()
      assert.equal(store.stats().sessions, 0)
    })

    test('the sessions of one device are bounded', async () => {
      const { counts, onBound } = createTally()
      const store = await open({ limits: { sessionsPerDevice: 1 }, onBound })
      await subscribe(store, 'a/1', ['#', 1])
      await assert.rejects(subscribe(store, 'a/2', ['#', 1]), unavailable)
      await subscribe(store, 'b/1', ['#', 1])
      await store.cleanSubscriptions({ id: 'a/1' })
      await subscribe(store, 'a/2', ['#', 1])
      assert.deepEqual(counts, { sessions: 1 })
    })

    test('sessions are bounded', async () => {
      const { counts, onBound } = createTally()
      const store = await open({ limits: { sessions: 1 }, onBound })
      await subscribe(store, 'a', ['x', 1], ['y', 1])
      await subscribe(store, 'a', ['x', 2])
      await assert.rejects(subscribe(store, 'b', ['x', 1]), unavailable)
      assert.deepEqual(counts, { sessions: 1 })
      const subs = await store.subscriptionsByClient({ id: 'a' })
      assert.deepEqual(subs, [
        { topic: 'x', qos: 2 },
        { topic: 'y', qos: 1 },
      ])
    })
  })

test('sessions and subscriptions are there after a restart, and expire', async () => {
  const directory = temporaryDirectory()
  let time = 0
  const settings = { limits: { sessionExpiry: HOUR }, now: () => time }
  const before = await openFile(directory, settings)
  for (const id of ['a', 'b', 'c']) before.touch(id, true)
  await before.addSubscriptions({ id: 'a' }, [
    { topic: 'x', qos: 1, rh: 0, rap: true, nl: false, subscriptionIdentifier: 5 },
    { topic: 'y', qos: 0 },
  ])
  await subscribe(before, 'b', ['#', 2])
  await subscribe(before, 'c', ['#', 2])
  await before.removeSubscriptions({ id: 'a' }, ['z'])
  before.touch('b', false)
  await before.cleanSubscriptions({ id: 'c' })
  await before.destroy()

  time = 2 * HOUR
  const store = await openFile(directory, settings)
  assert.deepEqual(await store.subscriptionsByClient({ id: 'a' }), [
    { topic: 'x', qos: 1, rh: 0, rap: true, nl: false, subscriptionIdentifier: 5 },
    { topic: 'y', qos: 0 },
  ])
  assert.equal(store.stats().sessions, 2)
  store.sweep()
  // 'a' was connected when the gateway ended, so its time runs from the restart
  assert.deepEqual(await store.getClientList('#').toArray(), [])
  assert.deepEqual(await store.getClientList('x').toArray(), ['a'])
  await store.destroy()

  time = 4 * HOUR
  const again = await openFile(directory, settings)
  assert.equal(again.stats().sessions, 1)
  again.sweep()
  assert.equal(again.stats().sessions, 0)
  await again.destroy()
  assert.equal((await openFile(directory, settings)).stats().sessions, 0)
})
