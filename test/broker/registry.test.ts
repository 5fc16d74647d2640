import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { pass, SECOND, stopClock, watchWills } from './clock.ts'
import { createTally, openFile, openMemory, temporaryDirectory } from './store/stores.ts'

beforeEach(stopClock)
afterEach(() => mock.timers.reset())

describe('a client id', () => {
  it('is of one connection at a time: the one before is ended, and has no session any more', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a')
    const second = await at.connect('d/a')
    assert.deepEqual([first.link.ends, second.link.ends], [['taken_over'], []])
    assert.equal(second.session, first.session)
    assert.equal(second.isPresent, true)
    // its connection comes to its end only now
    first.leave({ expiry: 0 })
    assert.equal(second.session.link, second.link)
    assert.equal(second.session.isClosed, false)
  })

  it('of a session that ends with its connection is a new session for the next one', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a', { expiry: 0 })
    await first.subscribe('#', 1)
    const second = await at.connect('d/a', { expiry: 0 })
    assert.deepEqual([first.link.ends, second.isPresent], [['taken_over'], false])
    assert.equal(second.session.subscriptions.size, 0)
    await at.publish('x', '1')
    assert.deepEqual([first.queued(), second.queued()], [[], []])
  })

  it('belongs to its device: another device has a session of its own', async () => {
    const at = await openMemory()
    const first = await at.connect('d/a')
    const second = await at.connect('e/a')
    assert.deepEqual([first.link.ends, second.isPresent], [[], false])
    assert.deepEqual([second.session.device, second.session.clientId], ['e', 'a'])
  })
})

describe('a session', () => {
  it('lasts for its seconds from the end of its connection', async () => {
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

  it('ends at once with 0, which is no expiry', async () => {
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

  it('takes its subscriptions and its queue with it', async () => {
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

  it('of 0xFFFFFFFF seconds outlasts a year', async () => {
    const at = await openMemory()
    watchWills(at)
    const client = await at.connect('d/a', { expiry: 0xffff_ffff })
    client.leave()
    for (let day = 0; day < 366; day++) mock.timers.tick(86_400 * SECOND)
    assert.equal(client.session.isClosed, false)
  })

  it('that expired while the gateway was away is gone soon after its start', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    ;(await before.connect('d/a', { expiry: 10 })).leave()
    await before.connect('d/there', { expiry: 10 })
    await before.crash()
    mock.timers.tick(20 * SECOND)
    const at = await openFile(directory)
    watchWills(at)
    await pass(1)
    // who was connected has its time from the start on
    assert.deepEqual(
      [...at.store.sessions.all()].map(({ client }) => client),
      ['d/there'],
    )
    await pass(9)
    assert.equal(at.store.stats().sessions, 0)
  })

  it('is refused where there is no room for it', async () => {
    const at = await openMemory({ limits: { sessions: 1 } })
    await at.connect('d/a')
    const { link } = await at.connect('d/b', { expiry: 0 })
    const request = { cleanStart: false, expiry: 1, will: null, link }
    assert.equal(await at.broker.sessions.open({ ...request, client: 'd/c' }), null)
  })
})
