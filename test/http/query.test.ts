import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GatewayError } from '../../src/errors.ts'
import { parseQuery, single, topicInPath, unknownName } from '../../src/http/query.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const escapedAnyhow = fc.constantFrom(encodeURIComponent, escapeAll)

/** Percent-encodes every byte, also where it is not needed. */
function escapeAll(value: string): string {
  return Buffer.from(value).toString('hex').replace(/../g, '%$&')
}

function codeOf(value: unknown): string | null {
  return value instanceof GatewayError ? value.code : null
}

describe('a query', () => {
  it('is decoded to every value of every name, in order', () => {
    const pairs = fc.array(fc.tuple(text, text), { maxLength: 6 })
    fc.assert(
      fc.property(pairs, escapedAnyhow, (asked, spell) => {
        const url = `/a?${asked.map(([name, value]) => `${spell(name)}=${spell(value)}`).join('&')}`
        const query = parseQuery(url)
        assert.ok(!(query instanceof GatewayError))
        for (const [name] of asked)
          assert.deepEqual(
            query.get(name),
            asked.filter(([other]) => other === name).map(([, value]) => value),
          )
        assert.equal(query.size, new Set(asked.map(([name]) => name)).size)
      }),
    )
  })

  it('is decoded once, and keeps a plus sign, which is a wildcard', () => {
    const query = parseQuery('/stream?filter=a/+/b&filter=%2523&x=1+1%2B1')
    assert.deepEqual(Object.fromEntries(query as Map<string, string[]>), {
      filter: ['a/+/b', '%23'],
      x: ['1+1+1'],
    })
  })

  it('may have a second question mark and equals signs in a value', () => {
    const query = parseQuery('/a?x=1?y=2&z==&w') as Map<string, string[]>
    assert.deepEqual(Object.fromEntries(query), { x: ['1?y=2'], z: ['='], w: [''] })
    assert.deepEqual(parseQuery('/a'), new Map())
    assert.deepEqual(parseQuery('/a?'), new Map())
    assert.deepEqual(parseQuery('/a?&&'), new Map())
  })

  it('is refused with a broken escape in a name or a value', () => {
    for (const broken of ['%', '%4', '%zz', '%ff', '%c0%af', '%ed%a0%80', '%u0041'])
      for (const url of [`/a?x=${broken}`, `/a?${broken}=x`, `/a?x=1&${broken}`])
        assert.equal(codeOf(parseQuery(url)), 'query_invalid', url)
  })

  it('has no inherited names of objects', () => {
    const query = parseQuery('/a?__proto__=1&constructor=2&toString=3')
    assert.ok(query instanceof Map)
    assert.deepEqual(query.get('__proto__'), ['1'])
    assert.equal(single(query, 'hasOwnProperty'), undefined)
    assert.equal(codeOf(unknownName(query, ['qos'])), 'query_invalid')
  })

  it('may name a setting once', () => {
    const query = new Map([
      ['once', ['1']],
      ['twice', ['1', '1']],
    ])
    assert.equal(single(query, 'once'), '1')
    assert.equal(single(query, 'never'), undefined)
    assert.equal(codeOf(single(query, 'twice')), 'query_invalid')
  })

  it('may only have known names', () => {
    const query = new Map([['qos', ['1']]])
    assert.equal(unknownName(query, ['qos', 'retain']), null)
    assert.match(
      unknownName(query, ['retain'])?.message ?? '',
      /"qos".*the known parameters are retain/,
    )
  })
})

describe('the topic in a path', () => {
  it('is decoded once, with slashes escaped or not', () => {
    fc.assert(
      fc.property(text, text, escapedAnyhow, (before, after, spell) => {
        const topic = `${before}/${after}`
        assert.equal(topicInPath(`/topics/${spell(topic)}?qos=1`, '/topics/'), topic)
        assert.equal(topicInPath(`/topics/${spell(before)}/${spell(after)}`, '/topics/'), topic)
        const twice = `/topics/${encodeURIComponent(spell(topic))}`
        assert.equal(topicInPath(twice, '/topics/'), spell(topic))
      }),
    )
  })

  it('is invalid where an escape is broken or is not UTF-8', () => {
    for (const broken of ['%', '%4', '%zz', '%ff', '%c0%af', '%ed%a0%80', '%f5%80%80%80', 'a%'])
      assert.equal(codeOf(topicInPath(`/topics/${broken}`, '/topics/')), 'topic_invalid', broken)
  })

  it('follows the route as it is written', () => {
    assert.equal(codeOf(topicInPath('/%74opics/a', '/topics/')), 'not_found')
    assert.equal(codeOf(topicInPath('/topics%2Fa', '/topics/')), 'not_found')
  })
})
