import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  filterProblem,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_LEVELS,
  readingTopicProblem,
  topicProblem,
} from '../../src/topic/topic.ts'

const WILD = ['+', '#', '/', '$', 'a', 'é', '\0', '\n', '\u007f', '\u0085', '\ud800', '\ufdd0', '🌡']
const text = fc.oneof(
  fc.array(fc.constantFrom(...WILD), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 10 }),
)

/** Checks character by character, as described in MQTT 3.1.1 §1.5.3 and §4.7. */
function isUsable(value: string): boolean {
  if (value === '' || Buffer.byteLength(value) > 65_535) return false
  if (value.split('/').length > 100) return false
  return [...value].every((character) => {
    const point = character.codePointAt(0) ?? 0
    const isControl = point <= 0x1f || (point >= 0x7f && point <= 0x9f)
    const isSurrogate = point >= 0xd800 && point <= 0xdfff
    const isNonCharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe
    return !isControl && !isSurrogate && !isNonCharacter
  })
}

function isFilter(value: string): boolean {
  const levels = value.split('/')
  return (
    isUsable(value) &&
    levels.every(
      (level, index) =>
        (!level.includes('+') || level === '+') &&
        (!level.includes('#') || (level === '#' && index === levels.length - 1)),
    )
  )
}

describe('a topic', () => {
  it('is valid by the rules of the standard, as is a filter', () => {
    fc.assert(
      fc.property(text, (value) => {
        const isTopic = isUsable(value) && !/[+#]/.test(value)
        assert.equal(topicProblem(value) === null, isTopic)
        assert.equal(readingTopicProblem(value) === null, isTopic && !value.startsWith('$'))
        assert.equal(filterProblem(value) === null, isFilter(value))
      }),
      { numRuns: 5000 },
    )
  })

  it('holds no Unicode non-character, in any plane', () => {
    for (let plane = 0; plane <= 16; plane++)
      for (const low of [0xfffe, 0xffff]) {
        const character = String.fromCodePoint(plane * 0x10000 + low)
        assert.notEqual(topicProblem(`a${character}`), null, plane.toString(16))
        if (plane === 0) continue
        const neighbour = String.fromCodePoint(plane * 0x10000 + low - 2)
        assert.equal(topicProblem(`a${neighbour}`), null, plane.toString(16))
      }
  })

  it('has 65,535 bytes at most, with characters of any size', () => {
    assert.equal(MAX_TOPIC_BYTES, 65_535)
    for (const [character, bytes] of [
      ['a', 1],
      ['é', 2],
      ['€', 3],
      ['🌡', 4],
    ] as const) {
      const fits = character.repeat(Math.floor(65_535 / bytes)) + 'a'.repeat(65_535 % bytes)
      assert.equal(topicProblem(fits), null)
      assert.equal(filterProblem(fits), null)
      assert.notEqual(topicProblem(`${fits}a`), null)
      assert.notEqual(filterProblem(`${fits}a`), null)
    }
  })

  it('has 100 levels at most', () => {
    assert.equal(MAX_TOPIC_LEVELS, 100)
    const levels = (count: number) => Array(count).fill('').join('/')
    assert.equal(topicProblem(levels(100)), null)
    assert.notEqual(topicProblem(levels(101)), null)
    assert.equal(filterProblem(`${levels(99)}/#`), null)
    assert.notEqual(filterProblem(`${levels(100)}/#`), null)
  })
})
