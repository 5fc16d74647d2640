import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mostPropertiesBytes, propertiesByteLength } from '../../src/topic/properties.ts'

describe('the bytes of properties', () => {
  it('are never more than what their characters allow', () => {
    const text = fc.string({ unit: 'binary' })
    const pairs = fc.array(fc.tuple(text, text), { maxLength: 5 })
    const data = fc.uint8Array().map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(text, text, data, pairs, (contentType, responseTopic, correlationData, list) => {
        const properties = {
          contentType,
          responseTopic,
          correlationData,
          userProperties: list,
        }
        assert.ok(mostPropertiesBytes(properties) >= propertiesByteLength(properties))
      }),
      { numRuns: 30 },
    )
    assert.equal(mostPropertiesBytes(null), 0)
    assert.equal(mostPropertiesBytes({ contentType: '€' }), 3)
  })
})
