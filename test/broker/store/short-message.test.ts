import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keptMessage } from '../../../src/broker/store/columns.ts'
import { delivery, EVERY_PROPERTY } from '../../support/message.ts'

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

describe('a message that waits for its acknowledgement', () => {
  for (const [size, payload] of Object.entries({
    'no payload': Buffer.alloc(0),
    'a short payload': EVERY_BYTE,
    'a long payload': Buffer.alloc(2000, EVERY_BYTE),
  }))
    it(`keeps its fields and its own copy of ${size}`, () => {
      const buffer = Buffer.from(payload)
      const correlationData = Buffer.from([1])
      for (const properties of [null, { ...EVERY_PROPERTY, correlationData }]) {
        const more = { properties, expires: 5, retain: true }
        const original = { ...delivery(7, 'a', '', more), payload: buffer }
        const kept = keptMessage(original)
        buffer.fill(0xee)
        correlationData.fill(0xee)
        const { sequence, topic, qos, retain, device, time, received, expires } = kept
        const fields = { sequence, topic, qos, retain, device, time, received, expires }
        assert.partialDeepStrictEqual(original, fields)
        assert.ok(kept.payload.equals(payload))
        const expected = properties && { ...EVERY_PROPERTY, correlationData: Buffer.from([1]) }
        assert.deepEqual(kept.properties, expected)
        payload.copy(buffer)
        correlationData.fill(1)
      }
    })
})
