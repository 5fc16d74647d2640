import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMatcher, levelsBelow } from '../../src/dashboard/matching.ts'
import { topicMatches } from '../../src/topic/match.ts'

const NAMES = ['kitchen/oven/temperature', 'kitchen/door', 'cellar/door', 'cellar', 'my room/light']

describe('the filter', () => {
  it('accepts words that must all match, and MQTT filters', () => {
    const found = (filter: string) => NAMES.filter((name) => createMatcher(filter)(name, 'Sensor'))
    assert.deepEqual(found(''), NAMES)
    assert.deepEqual(found('KITCHEN door'), ['kitchen/door'])
    assert.deepEqual(found('sensor cellar'), ['cellar/door', 'cellar'])
    assert.deepEqual(found('+/door'), ['kitchen/door', 'cellar/door'])
    assert.deepEqual(found('cellar/#'), ['cellar/door', 'cellar'])
    assert.deepEqual(found('kitchen/# temp'), ['kitchen/oven/temperature'])
    assert.deepEqual(found('"my room/#"'), ['my room/light'])
  })

  it('covers the same topics as in the gateway', () => {
    const level = fc.constantFrom('a', 'b', '', '$x')
    const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
    const filter = fc
      .tuple(
        fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
      )
      .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])])
      .filter((levels) => levels.some((one) => one === '+' || one === '#'))
      .map((levels) => levels.join('/'))
    fc.assert(
      fc.property(filter, topic, (filter, topic) => {
        fc.pre(topic !== '')
        assert.equal(createMatcher(filter)(topic, ''), topicMatches(filter, topic))
      }),
    )
  })
})

describe('the levels', () => {
  it('lead from the first level down to topics', () => {
    assert.deepEqual(levelsBelow('', NAMES), [
      { name: 'cellar', filter: 'cellar/#', count: 2 },
      { name: 'kitchen', filter: 'kitchen/#', count: 2 },
      { name: 'my room', filter: '"my room/#"', count: 1 },
    ])
    assert.deepEqual(levelsBelow('kitchen/#', NAMES), [
      { name: 'door', filter: 'kitchen/door', count: 1 },
      { name: 'oven', filter: 'kitchen/oven/#', count: 1 },
    ])
    assert.deepEqual(levelsBelow('"my room/#"', NAMES), [
      { name: 'light', filter: '"my room/light"', count: 1 },
    ])
    assert.deepEqual(levelsBelow('door', NAMES), [])
  })
})
