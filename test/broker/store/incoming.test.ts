import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KINDS, openFile, openManual, temporaryDirectory } from './stores.ts'
import { receive, release } from './traffic.ts'

const unavailable = { code: 'broker_unavailable' }

for (const { name, open } of KINDS)
  describe(`incoming QoS 2, ${name}`, () => {
    test('a DUP is not published again before its PUBREL', async () => {
      const at = await open()
      const subscriber = await at.connect('a')
      await subscriber.subscribe('#', 2)
      const [publisher, other] = [await at.connect('publisher'), await at.connect('other')]
      assert.equal(await receive(at, publisher, 7, '1'), true)
      assert.equal(await receive(at, publisher, 7, '1'), false)
      assert.equal(await receive(at, other, 7, '2'), true)
      await release(at, publisher, 7)
      assert.equal(publisher.session.arrivals.has(7), false)
      assert.equal(await receive(at, publisher, 7, '3'), true)
      assert.deepEqual(subscriber.queued(), ['1', '2', '3'])
    })

    test('a DUP on another connection is not published again', async () => {
      const at = await open()
      const publisher = await at.connect('publisher')
      await receive(at, publisher, 7, '1')
      publisher.leave()
      assert.equal(await receive(at, await at.connect('publisher'), 7, '1'), false)
    })

    test('a clean start forgets arrivals, and so does the end of the session', async () => {
      const at = await open()
      await receive(at, await at.connect('publisher'), 7, '1')
      const again = await at.connect('publisher', { cleanStart: true })
      assert.equal(await receive(at, again, 7, '1'), true)
      again.leave({ expiry: 0 })
      assert.equal(await receive(at, await at.connect('publisher'), 7, '1'), true)
    })
  })

/** A publisher, and a subscriber to everything, on commits that the test answers. */
async function opened(expiry = 3600) {
  const at = await openManual()
  const subscriber = await at.connect('a')
  await at.through(subscriber.subscribe('#', 2))
  const publisher = await at.connect('publisher', { expiry })
  await at.through(at.store.stored())
  return { ...at, publisher, subscriber }
}

test('an arrival is in the same commit as its message, and a DUP waits for that', async () => {
  const at = await opened()
  const received = receive(at, at.publisher, 7, '1')
  const commit = await at.next()
  assert.deepEqual(commit.changes.map(([name]) => name).sort(), ['append', 'enqueue', 'receive'])
  let answered = false
  const dup = receive(at, at.publisher, 7, '1').finally(() => {
    answered = true
  })
  await new Promise(setImmediate)
  assert.equal(answered, false)
  commit.done()
  assert.equal(await received, true)
  assert.equal(await dup, false)
  assert.deepEqual(at.subscriber.queued(), ['1'])
})

for (const retain of [false, true])
  test(`a message that could not be stored leaves nothing, and its DUP is published: ${retain ? 'retained' : 'plain'}`, async () => {
    const at = await opened()
    const received = receive(at, at.publisher, 7, '1', { retain })
    const commit = await at.next()
    const dup = receive(at, at.publisher, 7, '1', { retain })
    commit.fail(new Error('full'))
    await assert.rejects(received, unavailable)
    // the client learns of that, and sends it again
    await assert.rejects(dup)
    assert.deepEqual(at.subscriber.queued(), [])
    assert.deepEqual(await at.broker.retained('#'), [])
    assert.equal(at.store.stats().queuedBytes, 0)
    assert.equal(await at.through(receive(at, at.publisher, 7, '1', { retain })), true)
    assert.deepEqual(at.subscriber.queued(), ['1'])
    assert.equal((await at.broker.retained('#')).length, retain ? 1 : 0)
  })

test('an arrival in a session that ends with its connection is not stored', async () => {
  const at = await opened(0)
  const received = receive(at, at.publisher, 7, '1', { topic: '$x' })
  const commit = await at.next()
  assert.deepEqual(
    commit.changes.map(([name]) => name),
    ['append'],
  )
  commit.done()
  assert.equal(await received, true)
  assert.equal(await receive(at, at.publisher, 7, '1', { topic: '$x' }), false)
  await release(at, at.publisher, 7)
  at.publisher.leave()
  assert.equal(at.isAsked(), false)
})

test('the PUBREL is stored before the PUBCOMP, after the message', async () => {
  const at = await opened()
  const received = receive(at, at.publisher, 7, '1')
  const released = release(at, at.publisher, 7)
  const first = await at.next()
  assert.ok(first.changes.every(([name]) => name !== 'forget'))
  first.done()
  await received
  const second = await at.next()
  assert.deepEqual(second.changes, [['forget', 'publisher', 7]])
  assert.equal(await receive(at, at.publisher, 7, '1'), false)
  second.done()
  await released
  assert.equal(at.publisher.session.arrivals.size, 0)
})

test('arrivals are known after a restart', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const publisher = await before.connect('publisher')
  await receive(before, publisher, 7, '1')
  await receive(before, publisher, 8, '2')
  await release(before, publisher, 8)
  const ending = await before.connect('ending')
  await receive(before, ending, 7, '1')
  ending.leave({ expiry: 0 })
  await before.crash()

  const at = await openFile(directory)
  const again = await at.connect('publisher')
  assert.equal(await receive(at, again, 7, '1'), false)
  assert.equal(await receive(at, again, 8, '3'), true)
  await release(at, again, 7)
  assert.equal(await receive(at, again, 7, '4'), true)
  assert.equal(await receive(at, await at.connect('ending'), 7, '1'), true)
})
