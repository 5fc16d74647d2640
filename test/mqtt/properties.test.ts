import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Cursor } from '../../src/mqtt/cursor.ts'
import { readProperties } from '../../src/mqtt/properties.ts'
import { PROPERTIES, type Property, type PropertyType } from '../../src/mqtt/property-table.ts'
import { ProtocolError, Reason } from '../../src/mqtt/reasons.ts'
import { bytes, type Part, properties } from './wire.ts'

function read(packet: string, body: Buffer): { values: object; at: number } {
  const cursor: Cursor = { bytes: body, at: 0, end: body.length, packet }
  const values = readProperties(cursor)
  assert.equal(cursor.end, body.length)
  return { values, at: cursor.at }
}

function assertRefused(packet: string, body: Buffer, reason: number): void {
  assert.throws(
    () => read(packet, body),
    (error) => error instanceof ProtocolError && error.reason === reason,
  )
}

/** A value of each type: its bytes and the decoded value. */
const VALUES: Record<PropertyType, readonly [wire: readonly Part[], value: unknown]> = {
  bit: [[1], 1],
  uint16: [[[1, 2]], 258],
  uint32: [[[0xff, 2, 3, 4]], 0xff020304],
  varint: [[[0x80, 1]], 128],
  text: [['ä'], 'ä'],
  topic: [['a/b'], 'a/b'],
  binary: [[[0, 2, 0, 0xff]], Buffer.from([0, 0xff])],
  pair: [['a', ''], [['a', '']]],
}

const PACKETS = [...new Set(PROPERTIES.flatMap(({ packets }) => packets))]

/** Which packets may have which property (MQTT 5 table 2-4). */
const TABLE: Record<number, string> = {
  1: 'PUBLISH, will',
  2: 'PUBLISH, will',
  3: 'PUBLISH, will',
  8: 'PUBLISH, will',
  9: 'PUBLISH, will',
  11: 'PUBLISH, SUBSCRIBE',
  17: 'CONNACK, CONNECT, DISCONNECT',
  18: 'CONNACK',
  19: 'CONNACK',
  21: 'AUTH, CONNACK, CONNECT',
  22: 'AUTH, CONNACK, CONNECT',
  23: 'CONNECT',
  24: 'will',
  25: 'CONNECT',
  26: 'CONNACK',
  28: 'CONNACK, DISCONNECT',
  31: 'AUTH, CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBREC, PUBREL, SUBACK, UNSUBACK',
  33: 'CONNACK, CONNECT',
  34: 'CONNACK, CONNECT',
  35: 'PUBLISH',
  36: 'CONNACK',
  37: 'CONNACK',
  38: [
    'AUTH, CONNACK, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL',
    'SUBACK, SUBSCRIBE, UNSUBACK, UNSUBSCRIBE, will',
  ].join(', '),
  39: 'CONNACK, CONNECT',
  40: 'CONNACK',
  41: 'CONNACK',
  42: 'CONNACK',
}

describe('the table of properties', () => {
  it('is the table of MQTT 5 [§2.2.2.2]', () => {
    const table = PROPERTIES.map(({ id, packets }) => [id, packets.toSorted().join(', ')])
    assert.deepEqual(Object.fromEntries(table), TABLE)
  })
})

/** Runs `check` for every property in every packet from a client that may have it. */
function everywhere(check: (property: Property, packet: string, wire: readonly Part[]) => void) {
  for (const property of PROPERTIES)
    for (const packet of property.packets)
      if (property.name !== 'subscriptionIdentifier' || packet !== 'PUBLISH')
        check(property, packet, [property.id, ...VALUES[property.type][0]])
}

describe('a property', () => {
  it('is decoded in the packets that may have it', () => {
    everywhere(({ name, type }, packet, wire) => {
      const body = bytes(properties(...wire), 0xee)
      const { values, at } = read(packet, body)
      assert.deepEqual(values, { [name]: VALUES[type][1] })
      assert.equal(at, body.length - 1)
    })
  })

  it('makes any other packet malformed [§2.2.2.2]', () => {
    for (const { id, type, packets } of PROPERTIES)
      for (const packet of PACKETS)
        if (!packets.includes(packet))
          assertRefused(packet, properties(id, ...VALUES[type][0]), Reason.malformedPacket)
  })

  it('makes a packet malformed where it is unknown', () => {
    for (let id = 0; id < 128; id++)
      if (TABLE[id] === undefined)
        assertRefused('CONNECT', properties(id, [0, 1, 0, 1]), Reason.malformedPacket)
    assertRefused('PUBLISH', properties([0xff, 0xff, 0xff, 0x7f], 1), Reason.malformedPacket)
  })

  it('may come only once, except user properties', () => {
    everywhere(({ type }, packet, wire) => {
      const body = properties(...wire, ...wire)
      if (type !== 'pair') assertRefused(packet, body, Reason.protocolError)
      else
        assert.deepEqual(read(packet, body).values, {
          userProperties: [
            ['a', ''],
            ['a', ''],
          ],
        })
    })
  })

  it('ends within the length of the properties', () => {
    everywhere((_, packet, wire) => {
      const whole = bytes(...wire)
      for (let length = 1; length < whole.length; length++)
        assertRefused(packet, bytes(length, whole), Reason.malformedPacket)
    })
  })

  it('may only be 0 or 1 where it is a flag', () => {
    everywhere(({ type, name }, packet, [id]) => {
      if (type !== 'bit') return
      assert.deepEqual(read(packet, properties(id as number, 0)).values, { [name]: 0 })
      for (const wrong of [2, 7, 255])
        assertRefused(packet, properties(id as number, wrong), Reason.protocolError)
    })
  })

  it('may be 0, except four of them', () => {
    const zeros = { uint16: [0, 0], uint32: [0, 0, 0, 0], varint: [0] }
    const refused: Record<string, number> = {
      subscriptionIdentifier: Reason.protocolError,
      receiveMaximum: Reason.protocolError,
      maximumPacketSize: Reason.protocolError,
      // [MQTT-3.3.2-8]
      topicAlias: Reason.topicAliasInvalid,
    }
    everywhere(({ id, name, type }, packet) => {
      const zero = zeros[type as keyof typeof zeros]
      if (zero === undefined) return
      const reason = refused[name]
      if (reason === undefined)
        assert.deepEqual(read(packet, properties(id, zero)).values, { [name]: 0 })
      else assertRefused(packet, properties(id, zero), reason)
    })
  })
})

describe('properties', () => {
  it('may not be longer than their packet', () => {
    for (const body of [bytes(), bytes(1), bytes(3, 0x01, 0), bytes([0x80]), bytes([0xff, 0xff])])
      assertRefused('PUBLISH', body, Reason.malformedPacket)
  })

  it('have a length of at most four bytes, and no more than needed [MQTT-1.5.5-1]', () => {
    for (const length of [
      [0x80, 0],
      [0x82, 0x80, 0],
      [0x82, 0],
      [0x80, 0x80, 0x80, 0x80, 0],
    ])
      assertRefused('PUBLISH', bytes(length, 0x01, 0), Reason.malformedPacket)
    const long = bytes(0x03, 'x'.repeat(20_000))
    assert.equal(read('PUBLISH', bytes([0xa3, 0x9c, 0x01], long)).at, 3 + long.length)
  })

  it('may not hold a subscription identifier in a PUBLISH from a client [MQTT-3.3.4-6]', () => {
    assertRefused('PUBLISH', properties(0x0b, 1), Reason.protocolError)
  })

  it('may only hold a response topic without wildcards [MQTT-3.3.2-14]', () => {
    for (const topic of ['a/+', '#', ''])
      assertRefused('PUBLISH', properties(0x08, topic), Reason.protocolError)
  })

  it('may only hold strings in UTF-8 [MQTT-1.5.4-1]', () => {
    for (const text of [
      [0, 1, 0xff],
      [0, 1, 0],
    ])
      for (const wire of [bytes(0x03, text), bytes(0x08, text), bytes(0x26, text, 'a')])
        assertRefused('PUBLISH', properties(wire), Reason.malformedPacket)
    assertRefused('PUBLISH', properties(0x26, 'a', [0, 1, 0xff]), Reason.malformedPacket)
  })
})
