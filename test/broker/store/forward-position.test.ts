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
    const forwardPosition = await at.store.openForwardPosition(FORWARDED)
    assert.equal(await forwardPosition.count(forwardPosition.position(), 1e15), 0)
    await at.publish('out/a', '2')
    assert.equal(await forwardPosition.count(forwardPosition.position(), 1e15), 1)
  })

  test('survives a crash before anything was forwarded, also in a new store', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    const { position } = await first.store.openForwardPosition(FORWARDED)
    await first.publish('out/a', '1')
    await first.crash()
    const at = await openFile(directory)
    const forwardPosition = await at.store.openForwardPosition(FORWARDED)
    assert.equal(forwardPosition.position(), position())
    assert.equal(await forwardPosition.count(forwardPosition.position(), 1e15), 1)
  })

  test('survives a restart', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    const forwardPosition = await first.store.openForwardPosition(FORWARDED)
    forwardPosition.moveTo(4096)
    forwardPosition.end()
    await first.broker.close()
    const at = await openFile(directory)
    assert.equal((await at.store.openForwardPosition(FORWARDED)).position(), 4096)
  })

  test('is stored once a second at most', async () => {
    const { store, next, isAsked, through } = await openManual()
    const forwardPosition = await through(store.openForwardPosition(FORWARDED))
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      for (let position = 1; position <= 100; position++) forwardPosition.moveTo(position)
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
    const forwardPosition = await at.store.openForwardPosition(FORWARDED)
    for (let count = 0; count < 300; count++) {
      await at.publish('out/a', 'x')
      if (count % 2) await at.publish('out/b', 'x', { device: '$bridge' })
      if (count % 3) await at.publish('other', 'x')
    }
    assert.equal(await forwardPosition.count(0, 1e15), 300)
    assert.equal(await forwardPosition.count(1e15, 1e16), 0)
  })
})
