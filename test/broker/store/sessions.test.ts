import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTally, KINDS, openFile, openManual, temporaryDirectory } from './stores.ts'

const HOUR = 3_600
const unavailable = { code: 'broker_unavailable' }

for (const { name, open } of KINDS)
  describe(`sessions, ${name}`, () => {
    test('a clean start ends what was there [MQTT-3.1.2-6]', async () => {
      const { store, connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      await publish('x', '1')
      const again = await connect('a', { cleanStart: true })
      assert.equal(again.isPresent, false)
      await again.subscribe('y', 1)
      assert.deepEqual([a.queued(), again.queued()], [[], []])
      assert.equal(store.stats().queuedBytes, 0)
      await publish('x', '2')
      assert.deepEqual(again.queued(), [])
    })

    test('a session that is resumed has its subscriptions and its queue [MQTT-3.1.2-5]', async () => {
      const { connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      a.leave()
      await publish('x', '1')
      const again = await connect('a')
      assert.equal(again.isPresent, true)
      assert.deepEqual([...again.session.subscriptions.keys()], ['#'])
      assert.deepEqual(again.queued(), ['1'])
    })

    test('a message that is being stored for a session ends with it', async () => {
      const { store, connect, publish } = await open()
      const a = await connect('a')
      await a.subscribe('#', 1)
      const published = publish('x', '1')
      a.leave({ expiry: 0 })
      await published
      const again = await connect('a')
      await again.subscribe('#', 1)
      assert.deepEqual(again.queued(), [])
      assert.equal(store.stats().queuedBytes, 0)
    })

    test('the sessions of one device are bounded', async () => {
      const { counts, onBound } = createTally()
      const { connect } = await open({ limits: { sessionsPerDevice: 1 }, onBound })
      const first = await connect('a/1')
      await assert.rejects(connect('a/2'), /no room/)
      await connect('b/1')
      // sessions that end with their connection are not counted
      await connect('a/2', { expiry: 0 })
      first.leave({ expiry: 0 })
      await connect('a/2', { cleanStart: true })
      assert.deepEqual(counts, { sessions: 1 })
    })

    test('sessions are bounded', async () => {
      const { counts, onBound } = createTally()
      const { store, connect } = await open({ limits: { sessions: 1 }, onBound })
      const a = await connect('a')
      await a.subscribe('x', 1)
      await a.subscribe('y', 1)
      await a.subscribe('x', 2)
      await assert.rejects(connect('b'), /no room/)
      assert.deepEqual(counts, { sessions: 1 })
      assert.deepEqual(
        [...a.session.subscriptions.values()].map(({ filter, qos }) => [filter, qos]),
        [
          ['x', 2],
          ['y', 1],
        ],
      )
      // a session that is resumed takes no more room
      assert.equal((await connect('a')).isPresent, true)
      assert.equal(store.stats().sessions, 1)
    })
  })

test('a subscription that could not be stored is not made, and a stored one stays', async () => {
  const { store, connect, publish, next, through } = await openManual()
  const a = await connect('a')
  await through(a.subscribe('x', 1))
  for (const change of [
    () => a.subscribe('x', 2),
    () => a.subscribe('y', 2),
    () => a.unsubscribe('x'),
  ]) {
    const lost = change()
    ;(await next()).fail(new Error('full'))
    await assert.rejects(lost, unavailable)
  }
  assert.deepEqual(
    [...a.session.subscriptions.values()].map(({ name, qos }) => [name, qos]),
    [['x', 1]],
  )
  await through(publish('x', '1', { qos: 2 }))
  await through(publish('y', '2', { qos: 2 }))
  assert.deepEqual(
    a.entries().map(({ qos }) => qos),
    [1],
  )
  assert.equal(store.outage(), null)
})

test('sessions and subscriptions survive a restart, and expire', async () => {
  const directory = temporaryDirectory()
  let time = 0
  const settings = { now: () => time }
  const before = await openFile(directory, settings)
  const [a, b, c] = [
    await before.connect('a', { expiry: HOUR }),
    await before.connect('b', { expiry: HOUR }),
    await before.connect('c', { expiry: HOUR }),
  ]
  await a.subscribe('x', 1, { retainAsPublished: true, identifier: 5 })
  await a.subscribe('y', 0, { noLocal: true })
  await a.subscribe('$share/group/z', 2)
  await b.subscribe('#', 2)
  await c.subscribe('#', 2)
  await a.unsubscribe('w')
  b.leave()
  c.leave({ expiry: 0 })
  await before.connect('passing', { expiry: 0 })
  await before.crash()

  time = 2 * HOUR * 1000
  const at = await openFile(directory, settings)
  assert.equal(at.store.stats().sessions, 2)
  // 'a' was connected when the gateway stopped, so its expiry begins at the restart
  assert.equal((await at.connect('b')).isPresent, false)
  const again = await at.connect('a', { expiry: HOUR })
  assert.equal(again.isPresent, true)
  assert.deepEqual(
    [...again.session.subscriptions.values()].map(({ session, ...rest }) => rest),
    [
      {
        name: '$share/group/z',
        filter: 'z',
        share: 'group',
        qos: 2,
        noLocal: false,
        retainAsPublished: false,
        identifier: 0,
      },
      {
        name: 'x',
        filter: 'x',
        share: null,
        qos: 1,
        noLocal: false,
        retainAsPublished: true,
        identifier: 5,
      },
      {
        name: 'y',
        filter: 'y',
        share: null,
        qos: 0,
        noLocal: true,
        retainAsPublished: false,
        identifier: 0,
      },
    ],
  )
  again.leave()
  await at.broker.close()

  time += HOUR * 1000 - 1
  const last = await openFile(directory, settings)
  const there = await last.connect('a', { expiry: HOUR })
  assert.equal(there.isPresent, true)
  there.leave()
  await last.broker.close()

  time += HOUR * 1000
  assert.equal((await (await openFile(directory, settings)).connect('a')).isPresent, false)
})

test('a session lasts as long as its client asked for last, over a restart too', async () => {
  const directory = temporaryDirectory()
  let time = 0
  const settings = { now: () => time }
  const before = await openFile(directory, settings)
  await before.connect('longer', { expiry: 10 })
  ;(await before.connect('longer', { expiry: 100 })).leave()
  ;(await before.connect('at DISCONNECT', { expiry: 10 })).leave({ expiry: 100 })
  ;(await before.connect('shorter', { expiry: 100 })).leave({ expiry: 10 })
  ;(await before.connect('for ever', { expiry: 0xffff_ffff })).leave()
  await before.broker.close()

  time = 50_000
  const at = await openFile(directory, settings)
  const present: string[] = []
  for (const client of ['longer', 'at DISCONNECT', 'shorter', 'for ever'])
    if ((await at.connect(client)).isPresent) present.push(client)
  assert.deepEqual(present, ['longer', 'at DISCONNECT', 'for ever'])
})
