import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fillTemplate, parseTemplate } from '../../src/topic/template.ts'

const names = {
  device: 'gw.d.wott.local',
  measurement: 'cpu',
  field: 'usage_idle',
  tags: new Map([
    ['host', 'attic'],
    ['cpu', 'cpu0'],
  ]),
}

const filled = (template: string, more: object = {}) =>
  fillTemplate(parseTemplate(template), { ...names, ...more })

describe('a topic template', () => {
  it('inserts the device, the measurement, tags and the field', () => {
    for (const [template, topic] of [
      [
        '{device}/{measurement}/{tags}/{field}',
        'gw.d.wott.local/cpu/cpu=cpu0/host=attic/usage_idle',
      ],
      ['{measurement}/{tag:host?}/{field}', 'cpu/attic/usage_idle'],
      ['{measurement}/{tag:rack?}/{field}', 'cpu/usage_idle'],
      ['{tag:host}/{tags}/{field}', 'attic/cpu=cpu0/usage_idle'],
      ['home/{tag:host}-{tag:cpu}/{measurement}.{field}', 'home/attic-cpu0/cpu.usage_idle'],
      ['{measurement}', 'cpu'],
    ] as const)
      assert.equal(filled(template), topic)
    assert.equal(filled('{measurement}/{tags}/{field}', { tags: new Map() }), 'cpu/usage_idle')
  })

  it('knows whether each field has a topic', () => {
    assert.equal(parseTemplate('a/{field}').hasField, true)
    assert.equal(parseTemplate('a/{measurement}').hasField, false)
  })

  it('says which tag is missing', () => {
    assert.throws(() => filled('{tag:rack}/{field}'), /^Error: the tag "rack" is missing$/)
  })

  it('is refused where it cannot make topics', () => {
    for (const template of [
      ...['', '/{fields}', '{tag:}/a', '{tag:a?}b/c', 'x{tags}', '{', 'a}', '{{field}}'],
      ...['a/+/{field}', '#', '$SYS/{field}', 'a\u0000b', '{measurement}/\n'],
    ])
      assert.throws(() => parseTemplate(template), template)
  })

  it('makes topics with its number of levels, different for different values', () => {
    const template = parseTemplate('{measurement}/{tag:host}/{field}')
    const text = fc.string({ unit: fc.constantFrom(...'a/+#%2F$\n='), minLength: 1 })
    const topic = ([measurement, host, field]: readonly [string, string, string]) =>
      fillTemplate(template, { device: '', measurement, field, tags: new Map([['host', host]]) })
    fc.assert(
      fc.property(fc.tuple(text, text, text), fc.tuple(text, text, text), (a, b) => {
        assert.match(topic(a), /^[^/+#\n]+\/[^/+#\n]+\/[^/+#\n]+$/)
        assert.equal(
          topic(a) === topic(b),
          a.join('/') === b.join('/') && a.every((each, at) => each === b[at]),
        )
      }),
    )
  })
})
