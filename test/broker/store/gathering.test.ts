import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGathering } from '../../../src/broker/store/gathering.ts'

const NEVER_MS = 60_000

test('a commit waits until as many wait as were involved in the one before', async () => {
  const gathering = createGathering(NEVER_MS)
  gathering.committed(20)
  let isOver = false
  const waited = gathering.wait(1)?.then(() => {
    isOver = true
  })
  gathering.came(19)
  await Promise.resolve()
  assert.equal(isOver, false)
  gathering.came(20)
  await waited
})

test('a commit does not wait for a few, nor if all are there', () => {
  const gathering = createGathering(NEVER_MS)
  assert.equal(gathering.wait(1), null)
  gathering.committed(7)
  assert.equal(gathering.wait(1), null)
  gathering.committed(20)
  assert.equal(gathering.wait(20), null)
})

test('a commit does not wait long for those who have nothing more', async () => {
  const gathering = createGathering()
  gathering.committed(20)
  await gathering.wait(1)
})
