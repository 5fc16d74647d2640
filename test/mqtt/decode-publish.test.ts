import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { assertDecoded, BELOW_5, bytes, itRefuses, properties, type Refusals } from './wire.ts'

const NONE = 0

describe('PUBLISH', () => {
  it('is read in all versions', () => {
    for (const version of BELOW_5)
      assert.deepEqual(decodePacket(0x3d, bytes('a/b', [1, 2], [7]), version), {
        type: 'publish',
        topic: 'a/b',
        payload: Buffer.from([7]),
        qos: 2,
        retain: true,
        dup: true,
        packetId: 258,
        properties: null,
        messageExpiry: null,
        topicAlias: 0,
      })
    assert.deepEqual(decodePacket(0x30, bytes('a/b', NONE), 5), {
      type: 'publish',
      topic: 'a/b',
      payload: Buffer.alloc(0),
      qos: 0,
      retain: false,
      dup: false,
      packetId: 0,
      properties: null,
      messageExpiry: null,
      topicAlias: 0,
    })
  })

  it('is decoded with its properties, user properties in order [MQTT-3.3.2-18]', () => {
    const carried = properties(
      bytes(0x26, 'b', '2'),
      bytes(0x01, 0),
      bytes(0x26, '', ''),
      bytes(0x02, [0, 0, 0, 0]),
      bytes(0x23, [0, 9]),
      bytes(0x26, 'a', '1'),
      bytes(0x26, '', ''),
      bytes(0x03, ''),
      bytes(0x08, 'x'),
      bytes(0x09, ''),
      bytes(0x26, 'b', '2'),
    )
    assertDecoded(5, 0x30, bytes('t', carried, [1]), {
      properties: {
        payloadFormatIndicator: 0,
        contentType: '',
        responseTopic: 'x',
        correlationData: Buffer.alloc(0),
        userProperties: [
          ['b', '2'],
          ['', ''],
          ['a', '1'],
          ['', ''],
          ['b', '2'],
        ],
      },
      messageExpiry: 0,
      topicAlias: 9,
      payload: Buffer.from([1]),
    })
  })

  it('may have an alias instead of a topic [§3.3.2.1]', () => {
    assertDecoded(5, 0x30, bytes('', properties(0x23, [0, 1])), { topic: '', topicAlias: 1 })
  })

  it('is decoded without a copy of its payload', () => {
    const body = bytes('t', properties(0x09, 'x'), [1, 2])
    const packet = decodePacket(0x30, body, 5)
    assert.ok(packet.type === 'publish' && packet.properties?.correlationData)
    body.fill(9)
    assert.deepEqual(packet.payload, Buffer.from([9, 9]))
    assert.deepEqual(packet.properties.correlationData, Buffer.from([9]))
  })
})

const REFUSED: Refusals = {
  protocolError: {
    'PUBLISH with packet identifier 0': [5, 0x32, bytes('a', [0, 0], NONE)],
    'neither topic nor alias': [5, 0x30, bytes('', NONE)],
  },
  malformedPacket: {
    'PUBLISH with QoS 3 [MQTT-3.3.1-4]': [5, 0x36, bytes('a', [0, 1], NONE)],
    'PUBLISH with QoS 3 in 3.1.1': [4, 0x36, bytes('a', [0, 1])],
    'DUP with QoS 0 [MQTT-3.3.1-2]': [5, 0x38, bytes('a', NONE)],
    'PUBLISH without a packet identifier': [4, 0x32, bytes('a')],
    'PUBLISH without properties': [5, 0x30, bytes('a')],
    'a wildcard in a topic in 3.1.1': [4, 0x30, bytes('a/+/b')],
    'no topic in 3.1.1': [4, 0x30, bytes('')],
  },
  topicNameInvalid: {
    'a wildcard in a topic [MQTT-3.3.2-2]': [5, 0x30, bytes('a/#', NONE)],
  },
}

describe('refused is', () => itRefuses(REFUSED))
