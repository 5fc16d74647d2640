import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findGrowth, isBack, type State } from './trend.ts'

const MOST = { heap: 10, rss: 10 }
const state = (counts: Record<string, number>, heap = 0, rss = 0): State => ({ counts, heap, rss })
const named = (values: readonly number[]) => values.map((value) => state({ handles: value }))

describe('the trend of a soak', () => {
  it('reports a count that is higher in all of the last third', () => {
    const grown = [{ name: 'handles', from: 4, to: 5 }]
    assert.deepEqual(findGrowth(named([3, 4, 5, 5, 5, 6]), MOST), grown)
    assert.deepEqual(findGrowth([state({}), state({}), state({ leaked: 1 })], MOST), [
      { name: 'leaked', from: 0, to: 1 },
    ])
  })

  it('does not report a count that returns to its value', () => {
    for (const values of [
      [3, 3, 3, 3, 3, 3],
      [3, 3, 9, 9, 9, 3],
      [5, 5, 4, 4, 3, 3],
    ])
      assert.deepEqual(findGrowth(named(values), MOST), [])
  })

  it('reports memory that grew by more than its bound', () => {
    const rounds = [0, 5, 10, 11, 12, 13].map((value) => state({}, value, 2 * value))
    assert.deepEqual(findGrowth(rounds, MOST), [{ name: 'rss', from: 5, to: 25 }])
    assert.deepEqual(findGrowth(rounds, { heap: 9, rss: 21 }), [
      { name: 'heap', from: 2.5, to: 12.5 },
    ])
  })

  it('needs a round in each third', () => {
    assert.throws(() => findGrowth(named([1, 1]), MOST), /2 rounds are too few/)
  })

  it('detects when every count is back to its value', () => {
    assert.ok(isBack(state({ a: 1 }), state({ a: 2, b: 1 })))
    assert.ok(!isBack(state({ a: 1, b: 1 }), state({ a: 2 })))
  })
})
