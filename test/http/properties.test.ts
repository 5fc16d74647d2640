import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type GivenProperties,
  MAX_MESSAGE_EXPIRY,
  parseProperties,
} from '../../src/http/properties.ts'
import { fromBase64 } from '../../src/net/base64.ts'
import {
  MAX_PROPERTIES_BYTES,
  MAX_USER_PROPERTIES,
  toJsonProperties,
} from '../../src/topic/properties.ts'

const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((any) => any.toWellFormed().replaceAll('\0', ''))
const given = fc.record(
  {
    contentType: text,
    messageExpiry: fc.integer({ min: 1, max: MAX_MESSAGE_EXPIRY }),
    responseTopic: fc.constantFrom('a', '/', 'answers/ü', '$aws/x'),
    payloadFormatIndicator: fc.constantFrom(0, 1),
    correlationData: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
    userProperties: fc.array(fc.tuple(text, text), { maxLength: MAX_USER_PROPERTIES }),
  },
  { requiredKeys: [] },
)

/** The name and the text of a refusal. */
function fault(values: GivenProperties): [name: string | null, problem: string] {
  const read = parseProperties(values)
  assert.ok('problem' in read, JSON.stringify(values))
  return [read.name, read.problem]
}

describe('the properties of a message', () => {
  it('are exactly those that were given', () => {
    fc.assert(
      fc.property(given, (values) => {
        const read = parseProperties(values)
        assert.ok(!('problem' in read))
        const { messageExpiry = null, ...rest } = values
        assert.equal(read.messageExpiry, messageExpiry)
        if (Object.keys(rest).length === 0) assert.equal(read.properties, null)
        else assert.deepEqual(toJsonProperties(read.properties ?? {}), rest)
      }),
    )
  })

  it('leave out undefined ones', () => {
    const values = { contentType: undefined, userProperties: undefined, messageExpiry: undefined }
    assert.deepEqual(parseProperties(values), { properties: null, messageExpiry: null })
  })

  const wrong: [keyof GivenProperties, unknown[], RegExp][] = [
    ['contentType', [1, null, [], {}, true], /^must be a string$/],
    ['contentType', ['\ud800', 'a\udc00b'], /^must be valid Unicode$/],
    ['contentType', ['\0', 'text/plain\0'], /^must not contain U\+0000$/],
    ['messageExpiry', [0, -1, 0.5, '60', null, 2 ** 32, Number.NaN, Infinity], /from 1 to 42949/],
    ['responseTopic', [1, null, ['a']], /^must be a string$/],
    ['responseTopic', ['a/+', '#', 'a#'], /wildcard/],
    ['responseTopic', ['', '\0', '\ud800', 'a\n'], /^must/],
    ['payloadFormatIndicator', [2, -1, '1', true, null, 'UTF8_DATA'], /^must be 0 .* or 1/],
    ['correlationData', [1, null, 'e', 'eA', 'e A==', 'eA==\n', '-_-_', 'eB=='], /^must be base64/],
    ['userProperties', [{}, 'a', null, 1, { length: 0 }], /list of pairs/],
    ['userProperties', [[['a']], [['a', 'b', 'c']], ['ab'], [{ a: 'b' }], [null]], /list of pairs/],
    ['userProperties', [[['a', 1]], [[null, 'a']], [['a', '\0']], [['\ud800', '']]], /U\+0000$/],
  ]
  for (const [name, values, problem] of wrong)
    for (const value of values)
      it(`are refused with ${name} ${JSON.stringify(value)}`, () => {
        const [found, words] = fault({ contentType: 'a', [name]: value })
        assert.equal(found, name)
        assert.match(words, problem)
      })

  it('are bounded in their number and in their bytes', () => {
    const pairs = (count: number, length = 0) => Array(count).fill(['a'.repeat(length), ''])
    const fits = parseProperties({ userProperties: pairs(MAX_USER_PROPERTIES) })
    assert.ok('properties' in fits)
    const [name, problem] = fault({ userProperties: pairs(MAX_USER_PROPERTIES + 1) })
    assert.deepEqual([name, problem], ['userProperties', 'must be at most 100, not 101'])
    const contentType = 'ü'.repeat(32_767)
    assert.ok('properties' in parseProperties({ contentType: `${contentType}x` }))
    for (const tooMany of [
      { contentType: `${contentType}xx` },
      { contentType: `${contentType}x`, correlationData: 'eA==' },
      { userProperties: pairs(100, 700) },
    ])
      assert.deepEqual(fault(tooMany)[0], null)
    assert.match(
      fault({ contentType: 'x'.repeat(MAX_PROPERTIES_BYTES + 1) })[1],
      /65536 bytes.*65535/,
    )
  })
})

it('base64 can hold every byte, in one notation only', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), (bytes, other) => {
      const buffer = Buffer.from(bytes)
      assert.deepEqual(fromBase64(buffer.toString('base64')), buffer)
      const read = fromBase64(other)
      if (read) assert.equal(read.toString('base64'), other)
    }),
  )
})
