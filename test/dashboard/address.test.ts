import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { type Address, readAddress, writeAddress } from '../../src/dashboard/address.ts'

it('an address is read as it was written', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  const span = fc.oneof(
    fc.nat(1_000_000).map((last) => ({ last })),
    fc
      .tuple(fc.nat(2_000_000_000), fc.integer({ min: 1, max: 1_000_000 }))
      .map(([from, length]) => ({ from: from * 1000, to: (from + length) * 1000 })),
  )
  const chart = fc
    .tuple(fc.uniqueArray(text, { minLength: 1, maxLength: 4 }), fc.array(text), span)
    .map(([topics, names, span]) => ({
      topics,
      fields: names.length > 0 ? names.map((field) => ({ topic: topics[0] ?? '', field })) : null,
      span,
    }))
  fc.assert(
    fc.property(fc.string(), fc.boolean(), fc.option(chart), (filter, isWall, chart) => {
      const address: Address = { filter, isWall, chart }
      assert.deepEqual(readAddress(writeAddress(address)), address)
    }),
  )
})

it('a typed address may have wildcards, and its invalid parts are ignored', () => {
  assert.equal(readAddress('?filter=a/+/b').filter, 'a/+/b')
  assert.deepEqual(readAddress('?topic=a&field=9:x&field=no&range=-1&from=x&to=y').chart, {
    topics: ['a'],
    fields: null,
    span: { last: 3600 },
  })
  assert.equal(writeAddress({ filter: '', isWall: false, chart: null }), '')
})
