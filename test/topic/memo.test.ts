import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopicMemo } from '../../src/topic/memo.ts'

describe('what is remembered of topics', () => {
  function counting(bounds: { topics: number; size: number }, weigh?: (answer: string) => number) {
    const asked: string[] = []
    const memo = createTopicMemo(
      (topic) => {
        asked.push(topic)
        return topic.toUpperCase()
      },
      bounds,
      weigh,
    )
    return { asked, memo }
  }

  it('is found out once, until it is to be forgotten', () => {
    const { asked, memo } = counting({ topics: 10, size: 100 })
    assert.deepEqual(['a', 'b', 'a'].map(memo.of), ['A', 'B', 'A'])
    assert.deepEqual(asked, ['a', 'b'])
    memo.forget()
    assert.equal(memo.of('a'), 'A')
    assert.deepEqual(asked, ['a', 'b', 'a'])
  })

  for (const [what, bounds, weigh] of [
    ['topics', { topics: 3, size: 1000 }, undefined],
    ['characters', { topics: 1000, size: 6 }, undefined],
    ['what the answers weigh', { topics: 1000, size: 300 }, () => 98],
  ] as const)
    it(`is bounded by ${what}, and right beyond the bound`, () => {
      const { asked, memo } = counting(bounds, weigh)
      for (const topic of ['aa', 'bb', 'cc', 'aa'])
        assert.equal(memo.of(topic), topic.toUpperCase())
      assert.deepEqual(asked, ['aa', 'bb', 'cc'])
      assert.equal(memo.of('dd'), 'DD')
      assert.equal(memo.of('aa'), 'AA')
      assert.deepEqual(asked.slice(3), ['dd', 'aa'])
    })
})
