import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withGaps } from '../../src/dashboard/gaps.ts'

const steady = (count: number, step: number, from = 0) =>
  Array.from({ length: count }, (_, n) => from + n * step)

test('a line has a break where nothing arrived for much longer than usual', () => {
  const times = [...steady(10, 1), ...steady(10, 1, 100)]
  const [broken, values] = withGaps([times, times], 2)
  assert.equal(broken.length, 21)
  assert.deepEqual([broken[10], values[10]], [54.5, null])
  assert.deepEqual(
    broken,
    broken.toSorted((a, b) => a - b),
  )
})

test('a line has no break where messages are always that rare, or a mean covers the time', () => {
  for (const [step, span] of [
    [600, 2],
    [1, 60],
  ] as const) {
    const times = [...steady(10, step), ...steady(10, step, step * 10 + 100)]
    const points = [times, times] as const
    assert.deepEqual(withGaps(points, span), points)
  }
  assert.deepEqual(withGaps([[], []], 2), [[], []])
})
