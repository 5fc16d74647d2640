import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { createCheckedTopics } from '../../src/relay/checked-topics.ts'
import { readingTopicProblem, topicProblem } from '../../src/topic/topic.ts'

it('a checked topic is the one that was asked for, in whatever order they come', () => {
  const name = fc.constantFrom('', 'a', 'b', 'a/b', '$SYS/a', 'a/+', 'c'.repeat(70_000))
  fc.assert(
    fc.property(fc.array(name), (names) => {
      const topics = createCheckedTopics()
      for (const asked of [...names, ...names]) {
        const { name, problem, readingProblem } = topics.of(asked)
        assert.equal(name, asked)
        assert.equal(problem, topicProblem(asked))
        assert.equal(readingProblem, readingTopicProblem(asked))
      }
    }),
  )
})
