import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { pubackBytes, publishBytes, pubrelBytes } from '../../src/broker/packet-bytes.ts'

const messageId = fc.integer({ min: 1, max: 65_535 })
const topic = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
// around each number of bytes that the remaining length can have
const size = fc.oneof(
  fc.nat(200),
  fc.integer({ min: 16_000, max: 17_000 }),
  fc.integer({ min: 2_096_000, max: 2_098_000 }),
)

test('a PUBLISH has the bytes that mqtt-packet gives it', () => {
  fc.assert(
    fc.property(
      fc.record({
        ...{ topic, messageId, retain: fc.boolean() },
        qos: fc.constantFrom(0, 1, 2),
        payload: fc.oneof(
          size.map((length) => Buffer.alloc(length, 'x')),
          fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
          fc.string({ unit: 'grapheme', maxLength: 9 }),
        ),
      }),
      fc.boolean(),
      (packet, again) => {
        const dup = packet.qos > 0 && again
        const expected = mqttPacket.generate({ cmd: 'publish', ...packet, dup })
        assert.ok(publishBytes({ ...packet, dup }).equals(expected))
      },
    ),
    { numRuns: 300 },
  )
})

test('so have PUBACK and PUBREL', () => {
  fc.assert(
    fc.property(messageId, (messageId) => {
      assert.deepEqual(pubackBytes(messageId), mqttPacket.generate({ cmd: 'puback', messageId }))
      assert.deepEqual(pubrelBytes(messageId), mqttPacket.generate({ cmd: 'pubrel', messageId }))
    }),
  )
})
