import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { includes, intersection, overlaps, topicMatches } from '../../src/topic/match.ts'
import { filterProblem } from '../../src/topic/topic.ts'
import { covers, filter, shortFilter, TOPICS, topic } from './naive.ts'

const levelsOf = (path: string) => path.split('/')

it('a filter covers the same topics as its regular expression', () => {
  fc.assert(
    fc.property(filter, topic, (f, t) => {
      assert.equal(topicMatches(f, t), covers(f, t), `${f} ${t}`)
    }),
    { numRuns: 20_000 },
  )
})

it('two filters overlap if both cover a topic, and their intersection covers all such topics', () => {
  fc.assert(
    fc.property(shortFilter, shortFilter, (a, b) => {
      const both = TOPICS.filter((t) => covers(a, t) && covers(b, t))
      assert.equal(overlaps(a, b), both.length > 0, `${a} ${b}`)
      const common = intersection(levelsOf(a), levelsOf(b))?.join('/') ?? null
      assert.ok(!common || filterProblem(common) === null)
      assert.deepEqual(common === null ? [] : TOPICS.filter((t) => covers(common, t)), both)
    }),
    { numRuns: 2_000 },
  )
})

it('a filter includes another if it covers every topic of the other', () => {
  fc.assert(
    fc.property(shortFilter, shortFilter, (outer, inner) => {
      const expected = TOPICS.every((t) => covers(outer, t) || !covers(inner, t))
      assert.equal(includes(levelsOf(outer), levelsOf(inner)), expected, `${outer} ${inner}`)
    }),
    { numRuns: 2_000 },
  )
  for (const [outer, inner, expected] of [
    ['a/#', 'a', true],
    ['a/#', 'a/+/b', true],
    ['+/b', 'a/b', true],
    ['a/+', 'a/#', false],
    ['a', 'a/#', false],
    ['#', '$SYS/#', false],
    ['$SYS/#', '$SYS/x', true],
    ['+/#', '#', true],
  ] as const)
    assert.equal(includes(levelsOf(outer), levelsOf(inner)), expected, `${outer} ${inner}`)
})

it('a filter covers the examples of the standard', () => {
  for (const [f, t, covers] of [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/#', 'sport', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/x', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/monitor/Clients', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
  ] as const)
    assert.equal(topicMatches(f, t), covers, `${f} ${t}`)
})
