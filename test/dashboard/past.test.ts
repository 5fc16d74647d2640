import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fieldsOf } from '../../src/dashboard/json.ts'
import { bucketOf, canBeAsked, pastUrl } from '../../src/dashboard/past.ts'
import { parseHistoryQuery } from '../support/history-query.ts'

describe('bucketOf', () => {
  it('makes at most 500 points of any range', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 * 366 * 86_400 }), (seconds) => {
        const every = bucketOf(seconds)
        assert.ok(Number.isInteger(every) && every >= 1 && every <= 366 * 86_400)
        assert.ok(seconds / every <= 500)
      }),
    )
  })
})

describe('pastUrl', () => {
  it('is understood by the gateway, whatever the names of topic and member', () => {
    const names = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(names, fc.array(names, { maxLength: 3 }), (topic, path) => {
        // as the page finds it in a payload
        const json = path.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, '1')
        const field = [...fieldsOf(json).values.keys()][0] ?? ''
        fc.pre(canBeAsked(field))
        const [from, to] = [1_790_000_000_000, 1_800_000_000_000]
        const url = pastUrl({ topic, field, from, to }, 10)
        const query = parseHistoryQuery(url, 1_800_000_000_000)
        assert.deepEqual(query.filters, [topic])
        assert.deepEqual([query.from, query.to], [from, to])
        assert.deepEqual(query.buckets, {
          every: 10_000,
          field: path.length === 0 ? null : path,
        })
      }),
    )
  })
})
