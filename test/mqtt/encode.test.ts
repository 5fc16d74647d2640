import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodePacket } from '../../src/mqtt/decode.ts'
import {
  acknowledgementPacket,
  connackPacket,
  disconnectPacket,
  PINGRESP,
  subackPacket,
  unsubackPacket,
} from '../../src/mqtt/encode.ts'
import { publishPacket } from '../../src/mqtt/encode-publish.ts'
import type { ConnackProperties } from '../../src/mqtt/packets.ts'
import { Reason } from '../../src/mqtt/reasons.ts'
import { asKept, generate, parse } from './mqtt-packet.ts'
import { data, packetId, publish, text, uint32, userProperties } from './packets.ts'
import { BELOW_5, bodyOf, bytes, properties, VERSIONS } from './wire.ts'

const TYPES = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const
const FIRST = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }
const NO_IDENTIFIERS: readonly number[] = []

describe('PUBLISH', () => {
  const PLAIN = {
    topic: 'a',
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: null,
    messageExpiry: null,
    topicAlias: 0,
    subscriptionIdentifiers: NO_IDENTIFIERS,
  } as const

  it('has the same bytes as mqtt-packet writes, below MQTT 5', () => {
    // payload sizes around each change of the number of bytes of the remaining length
    const length = fc.oneof(
      fc.integer({ min: 100, max: 130 }),
      fc.integer({ min: 16_300, max: 16_390 }),
      fc.integer({ min: 2_097_050, max: 2_097_155 }),
    )
    for (const version of BELOW_5)
      fc.assert(
        fc.property(
          publish(version),
          fc.oneof(data, length.map(Buffer.alloc)),
          (packet, payload) => {
            const fields = { ...packet, payload, subscriptionIdentifiers: NO_IDENTIFIERS }
            const expected = generate({ ...packet, payload }, version)
            assert.ok(publishPacket(version, fields).equals(expected))
          },
        ),
        { numRuns: 200 },
      )
  })

  it('has the shortest remaining length', () => {
    for (const edge of [128, 16_384, 2_097_152])
      for (const remaining of [edge - 1, edge]) {
        const payload = Buffer.alloc(remaining - 3)
        const expected = generate({ ...PLAIN, type: 'publish', payload }, 4)
        assert.ok(publishPacket(4, { ...PLAIN, payload }).equals(expected))
      }
  })

  it('has the shortest property length', () => {
    for (const length of [127, 128, 16_383, 16_384]) {
      const properties = { contentType: 'x'.repeat(length - 3) }
      const encoded = publishPacket(5, { ...PLAIN, properties })
      const read = decodePacket(encoded[0] as number, bodyOf(encoded), 5)
      assert.partialDeepStrictEqual(read, { properties, payload: PLAIN.payload })
    }
  })

  it('is read by the decoder of the gateway with the same fields', () => {
    for (const version of VERSIONS)
      fc.assert(
        fc.property(publish(version), (packet) => {
          const fields = { ...packet, subscriptionIdentifiers: NO_IDENTIFIERS }
          const encoded = publishPacket(version, fields)
          assert.deepEqual(decodePacket(encoded[0] as number, bodyOf(encoded), version), packet)
        }),
        { numRuns: 500 },
      )
  })

  it('is read by mqtt-packet with the same fields', () => {
    const identifiers = fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 })
    fc.assert(
      fc.property(publish(5), identifiers, (packet, subscriptionIdentifiers) => {
        const read = parse(publishPacket(5, { ...packet, subscriptionIdentifiers }), 5)
        assert.ok(read?.cmd === 'publish')
        const { topic, payload, qos, retain, dup, topicAlias, messageExpiry } = packet
        const { payloadFormatIndicator, userProperties, ...rest } = packet.properties ?? {}
        const [one, ...others] = subscriptionIdentifiers
        assert.deepEqual(
          { ...read.properties },
          {
            ...rest,
            ...(payloadFormatIndicator !== undefined && {
              payloadFormatIndicator: payloadFormatIndicator === 1,
            }),
            ...(userProperties && { userProperties: asKept(userProperties) }),
            ...(messageExpiry !== null && { messageExpiryInterval: messageExpiry }),
            ...(topicAlias > 0 && { topicAlias }),
            ...(one && {
              subscriptionIdentifier: others.length > 0 ? subscriptionIdentifiers : one,
            }),
          },
        )
        assert.deepEqual(
          [read.topic, read.payload, read.qos, read.retain, read.dup, read.messageId ?? 0],
          [topic, payload, qos, retain, dup, packet.packetId],
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps user properties in their order, equal and empty ones too [MQTT-3.3.2-18]', () => {
    const pairs = fc.array(fc.tuple(fc.constantFrom('a', 'b', ''), fc.constantFrom('1', '')))
    fc.assert(
      fc.property(pairs, (userProperties) => {
        const encoded = publishPacket(5, { ...PLAIN, properties: { userProperties } })
        const read = decodePacket(encoded[0] as number, bodyOf(encoded), 5)
        assert.ok(read.type === 'publish')
        assert.deepEqual(read.properties?.userProperties ?? [], userProperties)
      }),
    )
  })

  it('cannot be written with a string of more than 65,535 bytes', () => {
    const contentType = 'x'.repeat(65_536)
    assert.throws(() => publishPacket(5, { ...PLAIN, properties: { contentType } }), RangeError)
    assert.throws(() => publishPacket(4, { ...PLAIN, topic: contentType }), RangeError)
  })
})

describe('CONNACK', () => {
  it('has a return code below MQTT 5 [3.1.1 §3.2.2.3]', () => {
    const codes = [
      [Reason.success, 0],
      [Reason.unsupportedProtocolVersion, 1],
      [Reason.clientIdentifierNotValid, 2],
      [Reason.serverUnavailable, 3],
      [Reason.quotaExceeded, 3],
      [Reason.notAuthorized, 5],
    ] as const
    for (const version of BELOW_5)
      for (const [reason, code] of codes)
        assert.deepEqual(
          connackPacket(version, { reason, sessionPresent: false, properties: {} }),
          bytes([0x20, 2, 0, code]),
        )
  })

  it('has session present only where it is allowed [MQTT-3.2.2-6]', () => {
    const connack = (version: 3 | 4 | 5, reason: number) =>
      connackPacket(version, { reason, sessionPresent: true, properties: {} })[2]
    assert.equal(connack(5, 0), 1)
    assert.equal(connack(4, 0), 1)
    assert.equal(connack(3, 0), 0)
    assert.equal(connack(5, 0x97), 0)
    assert.equal(connack(4, 0x97), 0)
  })

  it('has its properties', () => {
    const all: ConnackProperties = {
      sessionExpiry: 0xffff_ffff,
      receiveMaximum: 20,
      maximumQos: 1,
      retainAvailable: false,
      maximumPacketSize: 200_000,
      assignedClientId: 'ä',
      topicAliasMaximum: 10,
      reasonString: 'why',
      userProperties: [
        ['b', '1'],
        ['a', ''],
      ],
      wildcardAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedAvailable: true,
      serverKeepAlive: 60,
      responseInformation: 'to',
    }
    const fields = { reason: 0, sessionPresent: true, properties: all }
    const read = parse(connackPacket(5, fields), 5)
    assert.ok(read?.cmd === 'connack')
    assert.deepEqual([read.reasonCode, read.sessionPresent], [0, true])
    assert.deepEqual(read.properties, {
      sessionExpiryInterval: 0xffff_ffff,
      receiveMaximum: 20,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 200_000,
      assignedClientIdentifier: 'ä',
      topicAliasMaximum: 10,
      reasonString: 'why',
      userProperties: asKept(all.userProperties ?? []),
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: true,
      serverKeepAlive: 60,
      responseInformation: 'to',
    })
  })

  it('is read by mqtt-packet with any properties', () => {
    const some = fc.record(
      {
        sessionExpiry: uint32,
        reasonString: text,
        userProperties,
        serverKeepAlive: fc.nat(65_535),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    fc.assert(
      fc.property(some, ({ sessionExpiry, ...rest }) => {
        const given = { ...rest, ...(sessionExpiry !== undefined && { sessionExpiry }) }
        const read = parse(
          connackPacket(5, { reason: 0x87, sessionPresent: false, properties: given }),
          5,
        )
        assert.ok(read?.cmd === 'connack')
        assert.equal(read.reasonCode, 0x87)
        assert.deepEqual(
          { ...read.properties },
          {
            ...rest,
            ...(rest.userProperties && { userProperties: asKept(rest.userProperties) }),
            ...(sessionExpiry !== undefined && { sessionExpiryInterval: sessionExpiry }),
          },
        )
      }),
    )
  })
})

describe('acknowledgements', () => {
  it('have four bytes without a reason', () => {
    for (const version of VERSIONS)
      for (const type of TYPES)
        assert.deepEqual(acknowledgementPacket(version, type, 258), bytes([FIRST[type], 2, 1, 2]))
  })

  it('have a reason and a reason string only in MQTT 5', () => {
    for (const type of TYPES) {
      for (const version of BELOW_5)
        assert.equal(acknowledgementPacket(version, type, 1, 0x92, 'why').length, 4)
      assert.deepEqual(
        acknowledgementPacket(5, type, 258, 0x92),
        bytes([FIRST[type], 3, 1, 2, 0x92]),
      )
      assert.deepEqual(
        acknowledgementPacket(5, type, 258, 0, 'why'),
        bytes([FIRST[type], 10, 1, 2, 0], properties(0x1f, 'why')),
      )
    }
  })

  it('are read by mqtt-packet and by the decoder of the gateway', () => {
    const reasonString = fc.option(text, { nil: undefined })
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), packetId, reasonString, (type, id, why) => {
        const reason = type === 'puback' || type === 'pubrec' ? 0x87 : 0x92
        const encoded = acknowledgementPacket(5, type, id, reason, why)
        const read = parse(encoded, 5)
        assert.ok(read?.cmd === type)
        assert.deepEqual([read.messageId, read.reasonCode], [id, reason])
        assert.equal(read.properties?.reasonString, why)
        assert.deepEqual(decodePacket(encoded[0] as number, bodyOf(encoded), 5), {
          type,
          packetId: id,
          reason,
        })
      }),
    )
  })
})

describe('SUBACK and UNSUBACK', () => {
  it('have only the code 0x80 below MQTT 5, or no codes at all', () => {
    for (const version of BELOW_5) {
      assert.deepEqual(
        subackPacket(version, 258, [0, 1, 2, 0x87, 0x80], 'why'),
        bytes([0x90, 7, 1, 2, 0, 1, 2, 0x80, 0x80]),
      )
      assert.deepEqual(unsubackPacket(version, 258, [0, 0x11], 'why'), bytes([0xb0, 2, 1, 2]))
    }
  })

  it('have a code for each filter', () => {
    assert.deepEqual(subackPacket(5, 258, [2, 0x87]), bytes([0x90, 5, 1, 2, 0, 2, 0x87]))
    assert.deepEqual(unsubackPacket(5, 258, [0, 0x11]), bytes([0xb0, 5, 1, 2, 0, 0, 0x11]))
  })

  it('are read by mqtt-packet', () => {
    const reasonString = fc.option(text, { nil: undefined })
    const many = { minLength: 1, maxLength: 200 }
    const granted = fc.array(fc.constantFrom(0, 1, 2, 0x80, 0x87, 0x8f, 0x97, 0xa1), many)
    const ended = fc.array(fc.constantFrom(0, 0x11, 0x80, 0x8f), many)
    fc.assert(
      fc.property(packetId, granted, ended, reasonString, (id, suback, unsuback, why) => {
        const one = parse(subackPacket(5, id, suback, why), 5)
        assert.ok(one?.cmd === 'suback')
        assert.deepEqual([one.messageId, one.granted], [id, suback])
        assert.equal(one.properties?.reasonString, why)
        const other = parse(unsubackPacket(5, id, unsuback, why), 5)
        assert.ok(other?.cmd === 'unsuback')
        assert.deepEqual([other.messageId, other.granted], [id, unsuback])
        assert.equal(other.properties?.reasonString, why)
      }),
    )
  })
})

describe('PINGRESP and DISCONNECT', () => {
  it('have two bytes where there is nothing to add', () => {
    assert.deepEqual(PINGRESP, bytes([0xd0, 0]))
    assert.deepEqual(disconnectPacket(0), bytes([0xe0, 0]))
    assert.deepEqual(disconnectPacket(0x8e), bytes([0xe0, 1, 0x8e]))
  })

  it('are read by mqtt-packet', () => {
    assert.equal(parse(PINGRESP, 5)?.cmd, 'pingresp')
    const reasonString = fc.option(text, { nil: undefined })
    fc.assert(
      fc.property(fc.constantFrom(0, 0x81, 0x8e, 0x95), reasonString, (reason, why) => {
        const read = parse(disconnectPacket(reason, why), 5)
        assert.ok(read?.cmd === 'disconnect')
        assert.deepEqual([read.reasonCode, read.properties?.reasonString], [reason, why])
      }),
    )
  })
})
