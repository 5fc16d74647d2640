import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { topicMatches } from '../../src/topic/match.ts'
import { filterProblem, topicProblem } from '../../src/topic/topic.ts'

const levelsOf = (...levels: string[]) =>
  fc.array(fc.constantFrom(...levels), { minLength: 1, maxLength: 5 }).map((all) => all.join('/'))
const topic = levelsOf('', 'a', 'b', 'ab', '$', '$SYS', 'é').filter((t) => topicProblem(t) === null)
const filter = levelsOf('', 'a', 'b', 'ab', '$', '$SYS', 'é', '+', '+', '#').filter(
  (f) => filterProblem(f) === null,
)

/** The filter as a regular expression over the whole topic (MQTT 3.1.1 §4.7). */
function toPattern(value: string): RegExp {
  const [first, ...deeper] = value.split('/').map((level) => {
    if (level === '+') return '[^/]*'
    return level === '#' ? '#' : level.replaceAll('$', '\\$')
  })
  // "a/#" covers "a" [MQTT-4.7.1-2]; a first level "#" or "+" covers no "$" [MQTT-4.7.2-1]
  const noDollar = value.startsWith('$') ? '' : '(?!\\$)'
  const start = first === '#' ? '.*' : first
  const rest = deeper.map((level) => (level === '#' ? '(?:/.*)?' : `/${level}`)).join('')
  return new RegExp(`^${noDollar}${start}${rest}$`, 'su')
}

it('a filter covers what the same filter as a regular expression matches', () => {
  fc.assert(
    fc.property(filter, topic, (f, t) => {
      assert.equal(topicMatches(f, t), toPattern(f).test(t), `${f} ${t}`)
    }),
    { numRuns: 20_000 },
  )
})

it('a filter covers what the standard gives as examples', () => {
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
