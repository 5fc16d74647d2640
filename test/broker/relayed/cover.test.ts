import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { coverOf, regroup } from '../../../src/broker/relayed/cover.ts'
import { filterProblem } from '../../../src/topic/topic.ts'
import { covers, shortFilter, TOPICS } from '../../topic/naive.ts'

const some = fc.array(shortFilter, { maxLength: 6 })

function cover(inUse: readonly string[], refused: readonly string[] = [], most = Infinity) {
  return coverOf(inUse, { refused: new Set(refused), most })
}

describe('the filters to subscribe to for the filters in use', () => {
  it('cover every topic that a filter in use covers, and no topic twice', () => {
    fc.assert(
      fc.property(some, (inUse) => {
        const { filters, left } = cover(inUse)
        assert.equal(left.size, 0)
        for (const filter of filters) assert.equal(filterProblem(filter), null)
        for (const topic of TOPICS) {
          const by = filters.filter((filter) => covers(filter, topic))
          assert.ok(by.length <= 1, `${topic} is covered by ${by}`)
          if (inUse.some((filter) => covers(filter, topic))) assert.equal(by.length, 1, topic)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('are the same for any order of the filters in use', () => {
    fc.assert(
      fc.property(some, (inUse) => {
        const there = cover(inUse).filters.map(plain)
        const back = cover(inUse.toReversed()).filters.map(plain)
        assert.deepEqual(there.sort(), back.sort())
      }),
      { numRuns: 5_000 },
    )
  })

  it('hold no refused filter, and cover all except those that need one', () => {
    fc.assert(
      fc.property(some, some, (inUse, refused) => {
        const { filters, left } = cover(inUse, refused)
        for (const filter of filters) assert.ok(!refused.includes(filter))
        for (const [filter, missing] of left) {
          assert.ok(inUse.includes(filter))
          assert.ok(refused.includes(missing))
        }
        for (const topic of TOPICS) {
          const by = filters.filter((filter) => covers(filter, topic))
          const wanted = inUse.filter((filter) => !left.has(filter))
          assert.ok(by.length <= 1)
          if (wanted.some((filter) => covers(filter, topic))) assert.equal(by.length, 1)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('are the same after some filters are given up as if they had never been used', () => {
    fc.assert(
      fc.property(some, some, (inUse, gone) => {
        const before = cover([...inUse, ...gone])
        const stale = before.filters.filter((filter) =>
          TOPICS.some((topic) => covers(filter, topic) && gone.some((one) => covers(one, topic))),
        )
        const after = regroup(before, stale, inUse, { refused: new Set(), most: Infinity })
        assert.deepEqual(after.filters.map(plain).sort(), cover(inUse).filters.map(plain).sort())
      }),
      { numRuns: 5_000 },
    )
  })

  for (const [inUse, expected] of [
    [['#'], ['#']],
    [['a/b', '#', 'a/+'], ['#']],
    [
      ['a/b', 'a/c'],
      ['a/b', 'a/c'],
    ],
    [['a/+', 'a/b', 'a/b'], ['a/+']],
    [['a/+', '+/b'], ['+/+']],
    [['a/#', '+/b'], ['#']],
    [['a/b/#', 'a/+'], ['a/+/#']],
    // the filter that covers two of them overlaps a third
    [
      ['x/a', 'a/+/c', 'a/b/+', 'a/q/z'],
      ['x/a', 'a/+/+'],
    ],
    [
      ['$SYS/a', '#'],
      ['$SYS/a', '#'],
    ],
  ] as const)
    it(`${inUse.join(' ')} → ${expected.join(' ')}`, () => {
      assert.deepEqual([...cover(inUse).filters].sort(), [...expected].sort())
    })

  it('leave out a later filter whose only cover is refused, and keep the earlier one', () => {
    assert.deepEqual(cover(['a/+', '+/b', 'c'], ['+/+']), {
      filters: ['a/+', 'c'],
      left: new Map([['+/b', '+/+']]),
    })
  })

  it('stay below their bound, and filters that they cover anyway are kept', () => {
    assert.deepEqual(cover(['a/+', 'b', 'a/c', 'a/#', 'c'], [], 2), {
      filters: ['b', 'a/#'],
      left: new Map([['c', 'c']]),
    })
  })

  it('are found quickly for thousands of filters', () => {
    const inUse = Array.from({ length: 8_000 }, (_, index) => `a/${index}/+/b/c/d/e/f`)
    const started = process.cpuUsage()
    const { filters, left } = cover(inUse, ['#'], 1_000)
    assert.deepEqual([filters.length, left.size], [1_000, 7_000])
    assert.ok(process.cpuUsage(started).user < 4_000_000)
  })
})

/** "+/#" and "#" cover the same topics. */
function plain(filter: string): string {
  return filter === '+/#' ? '#' : filter
}
