import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { includes, intersection, overlap } from '../../src/acl/overlap.ts'
import { topicMatches } from '../../src/topic/match.ts'
import { filter, topic } from './generator.ts'

const overlaps = (a: string, b: string) => {
  const bytes = Buffer.from(b)
  return overlap(Buffer.from(a), bytes, 0, bytes.length)
}

test('the intersection covers exactly what both filters cover', () => {
  fc.assert(
    fc.property(filter, filter, topic, (a, b, name) => {
      assert.equal(overlaps(a, b), overlaps(b, a))
      const common = overlaps(a, b) && intersection(a.split('/'), b.split('/')).join('/')
      assert.equal(
        common !== false && topicMatches(common, name),
        topicMatches(a, name) && topicMatches(b, name),
      )
    }),
    { numRuns: 20_000 },
  )
})

test('what includes a filter covers all that it covers', () => {
  fc.assert(
    fc.property(filter, filter, topic, (outer, inner, name) => {
      if (includes(outer.split('/'), inner.split('/')) && topicMatches(inner, name))
        assert.ok(topicMatches(outer, name))
    }),
    { numRuns: 20_000 },
  )
  for (const [outer, inner, expected] of [
    ['a/#', 'a', true],
    ['a/#', 'a/+/b', true],
    ['+/b', 'a/b', true],
    ['a/+', 'a/#', false],
    ['a', 'a/#', false],
    ['#', '$SYS/#', false],
    ['$SYS/#', '$SYS/x', true],
  ] as const)
    assert.equal(includes(outer.split('/'), inner.split('/')), expected, `${outer} ${inner}`)
})
