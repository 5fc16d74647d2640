import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGroupCommit } from '../../../src/broker/persistence/group-commit.ts'
import { createManualDisk } from './manual-disk.ts'
import { openFile, openOn, temporaryDirectory } from './stores.ts'

test('wills are there after a restart, and go with their broker', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  await before.setup({ id: 'first' })
  const properties = { device: 'a.d.wott.local', time: 1_700_000_000_000 }
  const will = { topic: 'gone', payload: Buffer.from('1'), qos: 1, retain: true } as const
  await before.putWill({ id: 'a' }, { ...will, properties })
  await before.putWill({ id: 'b' }, { ...will })
  await before.putWill({ id: 'c' }, { ...will })
  await before.delWill({ id: 'b' })
  await before.destroy()

  const store = await openFile(directory)
  await store.setup({ id: 'second' })
  await store.putWill({ id: 'c' }, { ...will, topic: 'new' })
  assert.deepEqual(await store.streamWill({ second: Date.now() }).toArray(), [
    { clientId: 'a', brokerId: 'first', ...will, properties },
  ])
  // the one of before must not take the new one with it
  await store.delWill({ id: 'c', brokerId: 'first' })
  assert.equal((await store.getWill({ id: 'c' }))?.topic, 'new')
  await store.delWill({ id: 'a', brokerId: 'first' })
  assert.deepEqual(await store.streamWill({ second: Date.now() }).toArray(), [])
})

test('a will that could not be stored is not there', async () => {
  const { disk, next } = createManualDisk()
  const store = await openOn(createGroupCommit(disk))
  const put = store.putWill({ id: 'a' }, { topic: 'gone', payload: 'x', qos: 1 })
  ;(await next()).fail(new Error('full'))
  await assert.rejects(put, { code: 'broker_unavailable' })
  assert.equal(await store.getWill({ id: 'a' }), undefined)
  // what finds out whether the disk works again
  const closed = store.destroy()
  ;(await next()).done()
  await closed
})
