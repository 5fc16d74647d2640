import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked, panned, zoomed } from '../../src/dashboard/span.ts'

test('a time span can be narrower, wider, earlier and later, but not after now', () => {
  const shown = { from: 100_000, to: 200_000 }
  assert.deepEqual(zoomed(shown, 0.5), { from: 125_000, to: 175_000 })
  assert.deepEqual(zoomed(shown, 2), { from: 50_000, to: 250_000 })
  assert.deepEqual(panned(shown, -0.5, 200_000), { from: 50_000, to: 150_000 })
  assert.deepEqual(panned(shown, 0.5, 220_000), { from: 120_000, to: 220_000 })
  assert.deepEqual(panned(shown, 0.5, 200_000), shown)
  assert.deepEqual(zoomed({ from: 0, to: 10 }, 0.001).to - 505, 0)
  assert.deepEqual(marked(20, 10), { from: 10_000, to: 20_000 })
  assert.deepEqual(marked(10, 10), { from: 10_000, to: 11_000 })
})
