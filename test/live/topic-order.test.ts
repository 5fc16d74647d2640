import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compareTopics } from '../../src/live/topic-order.ts'

describe('the order of topics', () => {
  it('is that of their bytes in UTF-8', () => {
    const topic = fc.array(fc.constantFrom('a', 'b', '/', 'é', '\ufb01', '\u{1f600}'))
    fc.assert(
      fc.property(topic, topic, (one, other) => {
        const [a, b] = [one.join(''), other.join('')]
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
        assert.equal(Math.sign(compareTopics(a, b)), expected)
      }),
    )
  })
})
