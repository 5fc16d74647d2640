import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fieldsOf, inLines, inOneLine, MOST_FIELDS } from '../../src/dashboard/json.ts'

describe('a JSON text', () => {
  it('is written as by JSON.stringify', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (json, blanks) => {
        const value = JSON.parse(json)
        // JSON.stringify writes -0 as 0; here numbers stay as written
        fc.pre(!/-0\b(?!\.)/.test(json) && !/\de/i.test(json))
        const text = JSON.stringify(value, null, blanks)
        assert.equal(inOneLine(text), JSON.stringify(value))
        assert.equal(inLines(text), JSON.stringify(value, null, 2))
      }),
    )
  })

  it('has its values by their paths, as written', () => {
    const json =
      '{"t":21.50,"in":{"a.b":1,"list":[true,{"x":null}]},"s":"a\\"b","big":12345678901234567890}'
    assert.deepEqual(
      [...fieldsOf(json).values].map(([path, { text, number }]) => [path, text, number]),
      [
        ['t', '21.50', 21.5],
        ['in.a\\.b', '1', 1],
        ['in.list.0', 'true', null],
        ['in.list.1.x', 'null', null],
        ['s', 'a"b', null],
        ['big', '12345678901234567890', 12345678901234567000],
      ],
    )
  })

  it('has the same number of values as JSON.parse finds', () => {
    const count = (value: unknown): number =>
      typeof value === 'object' && value !== null
        ? Object.values(value).reduce((sum: number, inner) => sum + count(inner), 0)
        : 1
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (json) => {
        const { values, leftOut } = fieldsOf(json)
        assert.equal(values.size + leftOut, count(JSON.parse(json)))
      }),
    )
  })

  it('has a bounded number of values, and counts those left out', () => {
    const { values, leftOut } = fieldsOf(JSON.stringify(Array(MOST_FIELDS + 7).fill(1)))
    assert.deepEqual([values.size, leftOut], [MOST_FIELDS, 7])
    const deep = `${'['.repeat(2000)}1${']'.repeat(2000)}`
    assert.deepEqual([fieldsOf(deep).values.size, fieldsOf(deep).leftOut], [0, 1])
  })
})
