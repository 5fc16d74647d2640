import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { openFile, openManual, temporaryDirectory } from './stores.ts'

const FORWARDED = { filters: ['out/#'], except: '$bridge' }

describe('the position up to which the log was forwarded', () => {
  test('begins after what is already in the log', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    await first.publish('out/a', '1')
    await first.broker.close()
    const at = await openFile(directory)
    const forwarding = await at.store.forwarding(FORWARDED)
    assert.equal(await forwarding.count(forwarding.position(), 1e15), 0)
    await at.publish('out/a', '2')
    assert.equal(await forwarding.count(forwarding.position(), 1e15), 1)
  })

  test('survives a crash before anything was forwarded, also in a new store', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    const { position } = await first.store.forwarding(FORWARDED)
    await first.publish('out/a', '1')
    await first.crash()
    const at = await openFile(directory)
    const forwarding = await at.store.forwarding(FORWARDED)
    assert.equal(forwarding.position(), position())
    assert.equal(await forwarding.count(forwarding.position(), 1e15), 1)
  })

  test('survives a restart', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    const forwarding = await first.store.forwarding(FORWARDED)
    forwarding.moveTo(4096)
    forwarding.end()
    await first.broker.close()
    const at = await openFile(directory)
    assert.equal((await at.store.forwarding(FORWARDED)).position(), 4096)
  })

  test('is stored once a second at most', async () => {
    const { store, next, isAsked, through } = await openManual()
    const forwarding = await through(store.forwarding(FORWARDED))
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      for (let position = 1; position <= 100; position++) forwarding.moveTo(position)
      mock.timers.tick(999)
      assert.equal(isAsked(), false)
      // with the next commit, or within a second
      mock.timers.tick(1)
      mock.timers.tick(100)
      const { changes, done } = await next()
      assert.deepEqual(changes, [['meta', 'forwarded', '100']])
      done()
    } finally {
      mock.timers.reset()
    }
  })

  test('counts messages that the filters cover, except those from the other broker', async () => {
    const at = await openFile(temporaryDirectory())
    const forwarding = await at.store.forwarding(FORWARDED)
    for (let count = 0; count < 300; count++) {
      await at.publish('out/a', 'x')
      if (count % 2) await at.publish('out/b', 'x', { device: '$bridge' })
      if (count % 3) await at.publish('other', 'x')
    }
    assert.equal(await forwarding.count(0, 1e15), 300)
    assert.equal(await forwarding.count(1e15, 1e16), 0)
  })
})
