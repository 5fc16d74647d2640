import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTraceId } from '../../src/http/trace-id.ts'

/** RFC 9562 §5.4 */
const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('a trace id', () => {
  const ids = Array.from({ length: 10_000 }, createTraceId)

  it('is a random UUID', () => {
    for (const id of ids) assert.match(id, UUID_4)
  })

  it('is never the same', () => {
    assert.equal(new Set(ids).size, ids.length)
  })

  it('has every digit in every place that is not fixed', () => {
    for (let place = 0; place < 36; place++) {
      const digits = new Set(ids.map((id) => id[place]))
      const isFixed = [8, 13, 14, 18, 23].includes(place)
      assert.equal(digits.size, isFixed ? 1 : place === 19 ? 4 : 16, `digit ${place}`)
    }
  })
})
