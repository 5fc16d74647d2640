import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { generate } from './mqtt-packet.ts'
import { clientPacket } from './packets.ts'
import { bodyOf, VERSIONS } from './wire.ts'

for (const version of VERSIONS)
  test(`a packet that mqtt-packet writes is decoded with the same fields (version ${version})`, () => {
    fc.assert(
      fc.property(clientPacket(version), (packet) => {
        const bytes = generate(packet, version)
        const named = packet.type === 'connect' ? null : version
        assert.deepEqual(decodePacket(bytes[0] as number, bodyOf(bytes), named), packet)
      }),
      { numRuns: 1000 },
    )
  })
