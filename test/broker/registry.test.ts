import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { pass, SECOND, stopClock, watchWills } from './clock.ts'
import { createTally, openFile, openMemory, temporaryDirectory } from './store/stores.ts'

beforeEach(stopClock)
afterEach(() => mock.timers.reset())

describe('a client id', () => {
  it('belongs to one connection at a time: a new one ends the old one and takes its session', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a')
    const second = await at.connect('d/a')
    assert.deepEqual([first.link.ends, second.link.ends], [['taken_over'], []])
    assert.equal(second.session, first.session)
    assert.equal(second.isPresent, true)
    // the old connection closes only now
    first.leave({ expiry: 0 })
    assert.equal(second.session.link, second.link)
    assert.equal(second.session.isClosed, false)
  })

  it('gets a new session where the old one ended with its connection', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a', { expiry: 0 })
    await first.subscribe('#', 1)
    const second = await at.connect('d/a', { expiry: 0 })
    assert.deepEqual([first.link.ends, second.isPresent], [['taken_over'], false])
    assert.equal(second.session.subscriptions.size, 0)
    await at.publish('x', '1')
    assert.deepEqual([first.queued(), second.queued()], [[], []])
  })

  it('belongs to its device: the same id of another device is another session', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a')
    const second = await at.connect('e/a')
    assert.deepEqual([first.link.ends, second.isPresent], [[], false])
    assert.deepEqual([second.session.device, second.session.clientId], ['e', 'a'])
  })
})

describe('a session', () => {
  it('lasts for its expiry interval after its connection ends', async () => {
    const { counts, onBound } = createTally()
    const at = await openMemory({ onBound })
    watchWills(at)
    const client = await at.connect('d/a', { expiry: 10 })
    await pass(20)
    client.leave()
    await pass(9)
    assert.equal(client.session.isClosed, false)
    await pass(1)
    assert.equal(client.session.isClosed, true)
    assert.equal(at.store.stats().sessions, 0)
    assert.deepEqual(counts, { session_expired: 1 })
    assert.equal((await at.connect('d/a')).isPresent, false)
  })

  it('ends with its connection where the interval is 0, which counts as no expiry', async () => {
    const { counts, onBound } = createTally()
    const at = await openMemory({ onBound })
    const client = await at.connect('d/a', { expiry: 0 })
    client.leave()
    assert.equal(client.session.isClosed, true)
    const other = await at.connect('d/b', { expiry: 10 })
    other.leave({ expiry: 0 })
    assert.equal(other.session.isClosed, true)
    assert.deepEqual(counts, {})
  })

  it('ends together with its subscriptions and its queue', async () => {
    const at = await openMemory()
    watchWills(at)
    const client = await at.connect('d/a', { expiry: 10 })
    await client.subscribe('#', 1)
    await at.publish('x', '1')
    client.leave()
    assert.equal(at.broker.sessions.isHeard('x'), true)
    await pass(10)
    assert.equal(at.broker.sessions.isHeard('x'), false)
    assert.equal(at.store.stats().queuedBytes, 0)
  })

  it('does not expire where the interval is 0xFFFFFFFF seconds (MQTT 5 §3.1.2.11.2)', async () => {
    const at = await openMemory()
    watchWills(at)
    const client = await at.connect('d/a', { expiry: 0xffff_ffff })
    client.leave()
    for (let day = 0; day < 366; day++) mock.timers.tick(86_400 * SECOND)
    assert.equal(client.session.isClosed, false)
  })

  it('is removed soon after the start where it expired while the gateway was down', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    ;(await before.connect('d/a', { expiry: 10 })).leave()
    await before.connect('d/there', { expiry: 10 })
    await before.crash()
    mock.timers.tick(20 * SECOND)
    const at = await openFile(directory)
    watchWills(at)
    await pass(1)
    // the interval of a client that was connected begins at the start
    assert.deepEqual(
      [...at.store.sessions.all()].map(({ client }) => client),
      ['d/there'],
    )
    await pass(9)
    assert.equal(at.store.stats().sessions, 0)
  })

  it('is refused where the bound on sessions is reached', async () => {
    const at = await openMemory({ limits: { sessions: 1 } })
    await at.connect('d/a')
    const { link } = await at.connect('d/b', { expiry: 0 })
    const request = { cleanStart: false, expiry: 1, will: null, link }
    assert.equal(await at.broker.sessions.open({ ...request, client: 'd/c' }), null)
  })
})
