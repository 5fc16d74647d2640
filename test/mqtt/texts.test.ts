import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createTexts } from '../../src/mqtt/texts.ts'

describe('the cache of decoded texts', () => {
  it('returns the text of the bytes, also where hashes collide', () => {
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

  it('returns the same text after its buffer has changed', () => {
    const texts = createTexts()
    const bytes = Buffer.from('topic')
    const text = texts.of(bytes, 0, 5, 1)
    bytes.fill('x')
    assert.equal(text, 'topic')
    assert.equal(texts.of(bytes, 0, 5, 1), 'xxxxx')
  })
})
