import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSame, parseGently } from '../../src/acl/acl-file.ts'

/** How many times the event loop turns during `work`. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let next = setImmediate(function turn() {
    turns += 1
    next = setImmediate(turn)
  })
  await work
  clearImmediate(next)
  return turns
}

test('reading a large file does not block the event loop', async () => {
  const rules = Array.from({ length: 30_000 }, (_, n) => `topic read ${n}/b\n`).join('')
  assert.ok((await turnsDuring(parseGently(Buffer.from(`user a\n${rules}`)))) > 5)
})

test('comparing two large files does not block the event loop', async () => {
  const [a, b] = [Buffer.alloc(2 ** 23), Buffer.alloc(2 ** 23)]
  assert.ok((await turnsDuring(isSame(a, b))) > 5)
  assert.equal(await isSame(a, b), true)
  b[b.length - 1] = 1
  assert.equal(await isSame(a, b), false)
  assert.equal(await isSame(a, b.subarray(1)), false)
})
