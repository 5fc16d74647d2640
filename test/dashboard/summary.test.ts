import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meanText, summaryOf } from '../../src/dashboard/summary.ts'

test('min, mean and max of parts combine to those of the whole', () => {
  assert.deepEqual(
    summaryOf([
      { count: 3, min: 1, mean: 2, max: 3 },
      { count: 1, min: 10, mean: 10, max: 10 },
    ]),
    { count: 4, min: 1, mean: 4, max: 10 },
  )
  assert.equal(summaryOf([]), null)
  assert.deepEqual(
    [meanText(1 / 3), meanText(99999.99), meanText(1795690123)],
    ['0.3333333333', '99999.99', '1795690123'],
  )
})
