import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { createOddCodes } from '../../src/uplink/odd-codes.ts'

const MQTT_5 = { protocolVersion: 5 } as const

it('reason codes that mqtt.js does not know are replaced and remembered, however the bytes arrive', () => {
  const packet: fc.Arbitrary<Packet> = fc.oneof(
    fc.record({
      cmd: fc.constant('publish' as const),
      topic: fc.constant('a'),
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constant(0 as const),
      retain: fc.boolean(),
      dup: fc.constant(false),
    }),
    fc.constant({ cmd: 'pingresp' as const }),
    fc.record({
      cmd: fc.constantFrom('puback' as const, 'pubrec' as const),
      messageId: fc.integer({ min: 1, max: 65_535 }),
      reasonCode: fc.constantFrom(0, 0x10, 0x80, 0x87, 0x97),
    }),
  )
  const places = fc.array(fc.nat(1_000), { maxLength: 5 })
  fc.assert(
    fc.property(fc.array(packet), fc.array(packet), places, (before, after, cuts) => {
      const bytesOf = (packets: Packet[]) => packets.map((one) => generate(one, MQTT_5))
      const odd = [0x40, 3, 0x12, 0x34, 0x95]
      const sent = Buffer.concat([...bytesOf(before), Buffer.from(odd), ...bytesOf(after)])
      const expected = Buffer.from(sent)
      expected[Buffer.concat(bytesOf(before)).length + 4] = 0x83
      const codes = createOddCodes()
      let at = 0
      for (const cut of [...cuts, sent.length].sort((a, b) => a - b)) {
        codes.read(sent.subarray(at, cut))
        at = Math.max(at, cut)
      }
      assert.deepEqual(sent, expected)
      assert.equal(codes.take(0x1234), 0x95)
      assert.equal(codes.take(0x1234), undefined)
    }),
  )
})
