import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import {
  assertDecoded,
  assertRefused,
  BELOW_5,
  bytes,
  itRefuses,
  properties,
  type Refusals,
  VERSIONS,
} from './wire.ts'

const NONE = 0

describe('acknowledgements', () => {
  const FIRST = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const

  it('are read in all versions', () => {
    for (const [type, first] of Object.entries(FIRST))
      for (const version of VERSIONS)
        assert.deepEqual(decodePacket(first, bytes([1, 2]), version), {
          type,
          packetId: 258,
          reason: 0,
        })
  })

  it('may have a reason code and properties in MQTT 5 [§3.4.2]', () => {
    for (const [type, first] of Object.entries(FIRST)) {
      const reason = type === 'puback' || type === 'pubrec' ? 0x97 : 0x92
      for (const rest of [[], [NONE], properties(0x1f, 'why', 0x26, 'a', 'b')])
        assert.deepEqual(decodePacket(first, bytes([0, 1], reason, rest), 5), {
          type,
          packetId: 1,
          reason,
        })
    }
  })

  it('are refused with a wrong length, an unknown reason code or packet identifier 0', () => {
    for (const first of Object.values(FIRST)) {
      for (const version of VERSIONS) {
        assertRefused(version, first, bytes(1), 'malformedPacket')
        assertRefused(version, first, bytes(), 'malformedPacket')
        assertRefused(version, first, bytes([0, 0]), 'protocolError')
      }
      for (const version of BELOW_5)
        assertRefused(version, first, bytes([0, 1, 0]), 'malformedPacket')
      assertRefused(5, first, bytes([0, 1, 0x42]), 'protocolError')
      assertRefused(5, first, bytes([0, 1, 0, 0, 0]), 'malformedPacket')
      assertRefused(5, first, bytes([0, 1, 0, 5, 0x1f]), 'malformedPacket')
      // 0x11 is a reason code of UNSUBACK only
      assertRefused(5, first, bytes([0, 1, 0x11]), 'protocolError')
    }
    assertRefused(5, 0x40, bytes([0, 1, 0x92]), 'protocolError')
    assertRefused(5, 0x70, bytes([0, 1, 0x87]), 'protocolError')
  })
})

describe('PINGREQ, DISCONNECT and AUTH', () => {
  it('are read', () => {
    for (const version of VERSIONS) {
      assert.deepEqual(decodePacket(0xc0, bytes(), version), { type: 'pingreq' })
      assert.deepEqual(decodePacket(0xe0, bytes(), version), {
        type: 'disconnect',
        reason: 0,
        sessionExpiry: null,
      })
    }
    assertDecoded(5, 0xe0, bytes(4), { reason: 4, sessionExpiry: null })
    assertDecoded(5, 0xe0, bytes(0x98, NONE), { reason: 0x98, sessionExpiry: null })
    assertDecoded(5, 0xe0, bytes(0, properties(0x11, [0, 0, 1, 0], 0x1f, 'bye')), {
      reason: 0,
      sessionExpiry: 256,
    })
    assert.deepEqual(decodePacket(0xf0, bytes(), 5), { type: 'auth', reason: 0 })
    assertDecoded(5, 0xf0, bytes(0x18, properties(0x15, 'SCRAM', 0x16, 'x')), { reason: 0x18 })
  })
})

const REFUSED: Refusals = {
  protocolError: {
    'PUBLISH before CONNECT [MQTT-3.1.0-1]': [null, 0x30, bytes('a', NONE)],
    'PINGREQ before CONNECT': [null, 0xc0, bytes()],
    'DISCONNECT with an unknown reason code': [5, 0xe0, bytes(0x42)],
    'AUTH with an unknown reason code': [5, 0xf0, bytes(0x42, NONE)],
    'CONNACK, which a server sends': [5, 0x20, bytes(0, 0, 0)],
    'SUBACK, which a server sends': [4, 0x90, bytes([0, 1, 0])],
    'UNSUBACK, which a server sends': [4, 0xb0, bytes([0, 1])],
    'PINGRESP, which a server sends': [4, 0xd0, bytes()],
  },
  malformedPacket: {
    'what is not MQTT': [null, 'G'.charCodeAt(0), bytes('T / HTTP/1.1')],
    'PUBREL with wrong flags [MQTT-3.6.1-1]': [4, 0x60, bytes([0, 1])],
    'PUBACK with flags': [4, 0x42, bytes([0, 1])],
    'PUBACK with DUP in 3.1': [3, 0x48, bytes([0, 1])],
    'PINGREQ with a body': [4, 0xc0, bytes(0)],
    'PINGREQ with flags': [5, 0xc1, bytes()],
    'DISCONNECT with flags [MQTT-3.14.1-1]': [5, 0xe2, bytes()],
    'DISCONNECT with a body in 3.1.1': [4, 0xe0, bytes(0)],
    'DISCONNECT with bytes behind its end': [5, 0xe0, bytes(0, NONE, 0)],
    'AUTH in 3.1.1': [4, 0xf0, bytes()],
    'AUTH with flags': [5, 0xf1, bytes()],
    'AUTH with bytes behind its end': [5, 0xf0, bytes(0x18, NONE, 0)],
    'AUTH without properties': [5, 0xf0, bytes(0x18)],
    'the reserved type 0 [§2.1.2]': [5, 0x00, bytes()],
  },
}

describe('refused is', () => itRefuses(REFUSED))
