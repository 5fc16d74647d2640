import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFilteredTopicMemo, createTopicMemo } from '../../src/topic/memo.ts'

describe('an answer about a topic', () => {
  function asking() {
    const asked: string[] = []
    const find = (topic: string) => {
      asked.push(topic)
      return topic.toUpperCase()
    }
    return { asked, find }
  }

  function counting(bounds: { topics: number; size: number }, weigh?: (answer: string) => number) {
    const { asked, find } = asking()
    return { asked, memo: createTopicMemo(find, bounds, weigh) }
  }

  it('is computed once, until it is forgotten', () => {
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
    ['the size of answers', { topics: 1000, size: 300 }, () => 98],
  ] as const)
    it(`is remembered within a bound by ${what}, and stays right beyond that`, () => {
      const { asked, memo } = counting(bounds, weigh)
      for (const topic of ['aa', 'bb', 'cc', 'aa'])
        assert.equal(memo.of(topic), topic.toUpperCase())
      assert.deepEqual(asked, ['aa', 'bb', 'cc'])
      assert.equal(memo.of('dd'), 'DD')
      assert.equal(memo.of('aa'), 'AA')
      assert.deepEqual(asked.slice(3), ['dd', 'aa'])
    })

  it('is forgotten for topics that a filter covers, and only for those', () => {
    const { asked, find } = asking()
    const memo = createFilteredTopicMemo(find, { topics: 10, size: 1000 }, () => 1)
    const topics = ['a', 'a/b', 'a/b/c', 'b', '$x/b']
    for (const [filter, again] of [
      ['a/b', ['a/b']],
      ['a/#', ['a', 'a/b', 'a/b/c']],
      ['+/b', ['a/b']],
      ['#', ['a', 'a/b', 'a/b/c', 'b']],
      ['$x/+', ['$x/b']],
      ['z/#', []],
      ['z', []],
    ] as const) {
      for (const topic of topics) memo.of(topic)
      asked.length = 0
      memo.forgetCovered(filter)
      for (const topic of topics) assert.equal(memo.of(topic), topic.toUpperCase())
      assert.deepEqual(asked, again, filter)
    }
  })

  it('is forgotten for all topics where a filter covers too many, and stays right', () => {
    const { asked, find } = asking()
    const memo = createFilteredTopicMemo(find, { topics: 1000, size: 100_000 }, () => 1)
    const topics = Array.from({ length: 500 }, (_, n) => `a/${n}`)
    for (const topic of [...topics, 'b']) memo.of(topic)
    memo.forgetCovered('a/+')
    asked.length = 0
    for (const topic of [...topics, 'b']) memo.of(topic)
    assert.deepEqual(asked, [...topics, 'b'])
    memo.forgetCovered('b')
    asked.length = 0
    for (const topic of [...topics, 'b']) memo.of(topic)
    assert.deepEqual(asked, ['b'])
  })

  it('leaves its room to others once it is forgotten', () => {
    const { asked, find } = asking()
    const memo = createFilteredTopicMemo(find, { topics: 1000, size: 8 }, () => 1)
    for (let times = 0; times < 10; times++) {
      for (const topic of ['aaa', 'bbb']) memo.of(topic)
      memo.forgetCovered('aaa')
    }
    assert.deepEqual(asked, ['aaa', 'bbb', ...Array<string>(9).fill('aaa')])
  })
})
