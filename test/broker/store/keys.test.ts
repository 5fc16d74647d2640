import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KeyedRequest } from '../../../src/broker/broker.ts'
import { openKeys } from '../../support/keys.ts'
import { openFile, temporaryDirectory } from './stores.ts'

type Taking = Pick<ReturnType<typeof openKeys>, 'take'>

function begin(keys: Taking, device: string, key: string, fingerprint = 'f'): KeyedRequest {
  const begun = keys.take(device, key, fingerprint)
  assert.ok(typeof begun === 'object', String(begun))
  return begun
}

/** Runs a request that publishes one reading. */
function publish(keys: Taking, device: string, key: string): void {
  const request = begin(keys, device, key)
  request.published(1)
  request.release()
}

function isKnown(keys: Taking, device: string, key: string): boolean {
  const request = begin(keys, device, key)
  const found = request.isPublished(1)
  request.release()
  return found
}

describe('an idempotency key', () => {
  test('belongs to one request of one device, during the request and after it', () => {
    const keys = openKeys()
    const first = begin(keys, 'a', 'k')
    assert.equal(keys.take('a', 'k', 'f'), 'underway')
    assert.equal(keys.take('a', 'k', 'other'), 'reused')
    assert.equal(isKnown(keys, 'b', 'k'), false)
    first.published(1)
    first.release()
    assert.equal(keys.take('a', 'k', 'other'), 'reused')
    assert.ok(isKnown(keys, 'a', 'k'))
  })

  test('is free again where its request published nothing', () => {
    const keys = openKeys()
    begin(keys, 'a', 'k').release()
    begin(keys, 'a', 'k', 'other').release()
  })

  test('is forgotten after its time, and not before', () => {
    let now = 0
    const keys = openKeys({ limits: { keyTtlMs: 100 }, now: () => now })
    publish(keys, 'a', 'k')
    now = 99
    assert.ok(isKnown(keys, 'a', 'k'))
    now = 100
    assert.equal(isKnown(keys, 'a', 'k'), false)
  })

  test('is forgotten in time, however many have expired', () => {
    let now = 0
    const keys = openKeys({ limits: { keyTtlMs: 100 }, now: () => now })
    for (let n = 0; n < 2_000; n++) publish(keys, 'a', String(n))
    now = 100
    assert.equal(isKnown(keys, 'a', '1999'), false)
  })

  test('is dropped where there are too many: the oldest of its device first, never one in use', () => {
    let forgotten = 0
    const onBound = () => void forgotten++
    const keys = openKeys({ limits: { keys: 8 }, onBound })
    const underway = begin(keys, 'a', '0')
    // one device may have a quarter
    for (const key of ['1', '2']) publish(keys, 'a', key)
    assert.equal(forgotten, 1)
    for (const device of ['b', 'c', 'd']) for (const key of ['1', '2']) publish(keys, device, key)
    assert.equal(forgotten, 1)
    // there is no room for one more
    publish(keys, 'e', '1')
    assert.equal(forgotten, 2)
    assert.ok(isKnown(keys, 'b', '1'))
    // of its own device, if that has one
    publish(keys, 'e', '2')
    assert.equal(forgotten, 3)
    assert.equal(keys.take('a', '0', 'f'), 'underway')
    underway.published(1)
    underway.release()
    assert.ok(isKnown(keys, 'a', '0'))
    assert.ok(isKnown(keys, 'e', '2'))
  })

  test('is kept where there is room for one alone', () => {
    const keys = openKeys({ limits: { keys: 1 } })
    publish(keys, 'a', '1')
    assert.ok(isKnown(keys, 'a', '1'))
  })

  test('is dropped where answers take too many bytes', async () => {
    const keys = openKeys({ limits: { keyBytes: 40_000 } })
    const answers = ['1', '2', '3']
    for (const key of answers) {
      const request = begin(keys, 'a', key)
      request.published(1)
      await request.finish('x'.repeat(4_000))
      request.release()
    }
    const found = answers.map((key) => begin(keys, 'a', key).answer?.length)
    assert.deepEqual(found, [undefined, 4_000, 4_000])
  })
})

test('idempotency keys survive a crash with what was published, and nothing else', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const { keys } = before.store
  const half = begin(keys, 'a', 'half')
  await before.publish('t', '1', { qos: 0 }, null, half.line(1))
  half.line(2)
  const whole = begin(keys, 'a', 'whole')
  await before.publish('t', '2', { qos: 0, retain: true }, null, whole.line(1))
  whole.published(1)
  await whole.finish('the answer')
  await before.crash()

  const at = await openFile(directory)
  const again = begin(at.store.keys, 'a', 'half')
  assert.deepEqual([1, 2].map(again.isPublished), [true, false])
  assert.equal(begin(at.store.keys, 'a', 'whole').answer, 'the answer')
  assert.equal(at.store.keys.take('a', 'whole', 'other'), 'reused')
  const page = await at.store.log.read({ after: 0, upTo: 1e15, filters: ['t'] })
  assert.deepEqual(
    page.deliveries.map(({ payload }) => String(payload)),
    ['1', '2'],
  )
})
