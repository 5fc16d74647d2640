import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTexts } from '../../src/mqtt/texts.ts'

describe('texts that were seen before', () => {
  it('are those of the bytes, whatever has the same hash', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 70 })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.nat(3))), fc.nat(3), (all, before) => {
        const texts = createTexts()
        for (const [wanted, hash] of all) {
          const bytes = Buffer.from(`${'-'.repeat(before)}${wanted}-`)
          assert.equal(texts.of(bytes, before, before + wanted.length, hash), wanted)
        }
      }),
    )
  })

  it('do not change with the memory that they were read from', () => {
    const texts = createTexts()
    const bytes = Buffer.from('topic')
    const text = texts.of(bytes, 0, 5, 1)
    bytes.fill('x')
    assert.equal(text, 'topic')
    assert.equal(texts.of(bytes, 0, 5, 1), 'xxxxx')
  })
})
