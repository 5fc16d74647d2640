import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSeries, MOST_POINTS } from '../../src/dashboard/series.ts'

test('a series holds the latest points in order, up to a bound', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 * MOST_POINTS }), (count) => {
      const series = createSeries(MOST_POINTS)
      for (let n = 0; n < count; n++) series.add(n * 1000, n)
      const [times, values] = series.since(0)
      const size = Math.min(count, MOST_POINTS)
      const expected = Array.from({ length: size }, (_, n) => count - size + n)
      assert.deepEqual(times, expected)
      assert.deepEqual(values, expected)
      assert.deepEqual(series.last(3), expected.slice(-3))
    }),
    { numRuns: 20 },
  )
})

test('a late point is inserted in order, as long as there is room', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 100 }), (times) => {
      const series = createSeries(MOST_POINTS)
      for (const [value, time] of times.entries()) series.add(time * 1000, value)
      const expected = [...times.entries()].sort(([, a], [, b]) => a - b)
      assert.deepEqual(series.since(0), [
        expected.map(([, time]) => time),
        expected.map(([value]) => value),
      ])
    }),
  )
  const full = createSeries(MOST_POINTS)
  for (let n = 1; n <= MOST_POINTS; n++) full.add(n * 1000, n)
  full.add(500, -1)
  full.add(2500, -2)
  assert.equal(full.size, MOST_POINTS)
  assert.deepEqual(full.since(0)[1].slice(0, 3), [2, -2, 3])
})

test('a break is not a number, and older points are left out', () => {
  const series = createSeries(MOST_POINTS)
  series.add(1000, 1)
  series.add(2000, Number.NaN)
  series.add(3000, 3)
  assert.deepEqual(series.since(2000), [
    [2, 3],
    [null, 3],
  ])
})

test('a series that no chart shows holds less', () => {
  const series = createSeries()
  for (let n = 0; n < 1000; n++) series.add(n, n)
  assert.equal(series.size, 256)
  series.keep()
  for (let n = 1000; n < 2000; n++) series.add(n, n)
  assert.equal(series.size, 1256)
  assert.deepEqual(series.since(0)[1].slice(0, 2), [744, 745])
  assert.deepEqual(series.last(1), [1999])
})
