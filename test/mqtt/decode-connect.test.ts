import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { versionOf } from '../../src/mqtt/decode-connect.ts'
import { assertDecoded, bytes, itRefuses, type Part, properties, type Refusals } from './wire.ts'

const NO_PROPERTIES = 0

/** A CONNECT of MQTT 5 with these flags and this payload. */
function connect5(flags: number, ...payload: readonly Part[]): Buffer {
  return bytes('MQTT', 5, flags, 0, 60, NO_PROPERTIES, ...payload)
}

/** A CONNECT of MQTT 5 with these properties. */
function withTerms(...parts: readonly Part[]): Buffer {
  return bytes('MQTT', 5, 2, 0, 60, properties(...parts), 'id')
}

/** A CONNECT of MQTT 5 with a will of these properties. */
function withWill(...parts: readonly Part[]): Buffer {
  return connect5(0x06, 'id', properties(...parts), 'w', 'x')
}

describe('CONNECT', () => {
  it('is read in all three versions', () => {
    const defaults = {
      type: 'connect',
      bridge: false,
      cleanStart: true,
      keepAlive: 258,
      clientId: 'id',
      will: null,
      sessionExpiry: null,
      receiveMaximum: 65_535,
      maximumPacketSize: Infinity,
      topicAliasMaximum: 0,
      requestResponseInformation: false,
      requestProblemInformation: true,
      authenticationMethod: null,
    }
    const decode = (...parts: Part[]) => decodePacket(0x10, bytes(...parts), null)
    assert.deepEqual(decode('MQIsdp', 3, 2, 1, 2, 'id'), { ...defaults, version: 3 })
    assert.deepEqual(decode('MQTT', 4, 2, 1, 2, 'id'), { ...defaults, version: 4 })
    assert.deepEqual(decode('MQTT', 5, 2, 1, 2, 0, 'id'), { ...defaults, version: 5 })
  })

  it('recognises a Mosquitto bridge by bit 7 of the protocol level', () => {
    assertDecoded(null, 0x10, bytes('MQIsdp', 0x83, 2, 0, 60, 'id'), { version: 3, bridge: true })
    assertDecoded(null, 0x10, bytes('MQTT', 0x84, 2, 0, 60, 'id'), { version: 4, bridge: true })
  })

  it('is decoded with its properties', () => {
    const terms = withTerms(
      bytes(0x11, [0xff, 0xff, 0xff, 0xff]),
      bytes(0x21, [0, 20]),
      bytes(0x27, [0x80, 0, 0, 1]),
      bytes(0x22, [0xff, 0xff]),
      bytes(0x19, 1),
      bytes(0x17, 0),
      bytes(0x15, 'SCRAM'),
      bytes(0x16, 'secret'),
      bytes(0x26, 'name', 'value'),
      bytes(0x26, 'name', 'value'),
    )
    assertDecoded(null, 0x10, terms, {
      sessionExpiry: 0xffff_ffff,
      receiveMaximum: 20,
      maximumPacketSize: 0x8000_0001,
      topicAliasMaximum: 65_535,
      requestResponseInformation: true,
      requestProblemInformation: false,
      authenticationMethod: 'SCRAM',
    })
  })

  it('is decoded with its will', () => {
    const will = withWill(
      bytes(0x18, [0, 0, 0, 9]),
      bytes(0x02, [0, 0, 0, 8]),
      bytes(0x01, 1),
      bytes(0x03, 'text/plain'),
      bytes(0x08, 'to'),
      bytes(0x09, [0, 1, 255]),
      bytes(0x26, 'b', ''),
      bytes(0x26, 'a', '1'),
      bytes(0x26, 'b', ''),
    )
    assertDecoded(null, 0x10, will, {
      will: {
        topic: 'w',
        payload: Buffer.from('x'),
        qos: 0,
        retain: false,
        properties: {
          payloadFormatIndicator: 1,
          contentType: 'text/plain',
          responseTopic: 'to',
          correlationData: Buffer.from([255]),
          userProperties: [
            ['b', ''],
            ['a', '1'],
            ['b', ''],
          ],
        },
        messageExpiry: 8,
        delay: 9,
      },
    })
    assertDecoded(null, 0x10, bytes('MQTT', 4, 0x34, 0, 60, 'id', 'w', ''), {
      cleanStart: false,
      will: {
        topic: 'w',
        payload: Buffer.alloc(0),
        qos: 2,
        retain: true,
        properties: null,
        messageExpiry: null,
        delay: 0,
      },
    })
  })

  it('may have a password without a user name from MQTT 5 on [§3.1.2.9]', () => {
    assertDecoded(null, 0x10, connect5(0x42, 'id', 'secret'), { clientId: 'id' })
  })

  it('may have any bytes as password and as payload of a will', () => {
    assertDecoded(null, 0x10, connect5(0xc2, 'id', 'user', [0, 1, 0xff]), { clientId: 'id' })
    assertDecoded(null, 0x10, connect5(0x06, 'id', 0, 'w', [0, 1, 0xff]), { clientId: 'id' })
  })

  it('may have meaningless flags in MQTT 3.1, and lack the user name that they announce', () => {
    for (const flags of [0x03, 0x22, 0x1a, 0x82, 0xc2])
      assertDecoded(null, 0x10, bytes('MQIsdp', 3, flags, 0, 60, 'id'), { version: 3, will: null })
    assertDecoded(null, 0x10, bytes('MQIsdp', 3, 0xc2, 0, 60, 'id', 'user'), { clientId: 'id' })
  })

  it('has a version that can be read whatever else is wrong', () => {
    assert.equal(versionOf(bytes('MQTT', 5, 0xff)), 5)
    assert.equal(versionOf(bytes('MQTT', 4)), 4)
    assert.equal(versionOf(bytes('MQIsdp', 0x83)), 3)
    for (const none of [bytes(), bytes('MQTT'), bytes('MQTT', 6), bytes('MQIsdp', 4), bytes('', 5)])
      assert.equal(versionOf(none), null)
  })
})

const sent = (body: Buffer) => [null, 0x10, body] as const

const REFUSED: Refusals = {
  malformedPacket: {
    'flags in its fixed header [MQTT-2.1.3-1]': [null, 0x11, connect5(2, 'id')],
    'an empty body': sent(bytes()),
    'the reserved flag [MQTT-3.1.2-3]': sent(connect5(3, 'id')),
    'the reserved flag in 3.1.1': sent(bytes('MQTT', 4, 3, 0, 60, 'id')),
    'will QoS 3 [MQTT-3.1.2-12]': sent(connect5(0x1e, 'id', 0, 'w', '')),
    'will QoS 3 in 3.1': sent(bytes('MQIsdp', 3, 0x1e, 0, 60, 'id', 'w', '')),
    'will QoS without a will [MQTT-3.1.2-11]': sent(connect5(0x0a, 'id')),
    'will retain without a will [MQTT-3.1.2-13]': sent(connect5(0x22, 'id')),
    'a password but no user name in 3.1.1': sent(bytes('MQTT', 4, 0x42, 0, 60, 'id', 'secret')),
    'a password but no user name in 3.1': sent(bytes('MQIsdp', 3, 0x42, 0, 60, 'id', 'secret')),
    'a will that is missing': sent(connect5(0x06, 'id')),
    'a user name that is missing': sent(connect5(0x82, 'id')),
    'bytes behind its end': sent(connect5(2, 'id', 0)),
    'a client identifier that is not UTF-8 [MQTT-3.1.3-4]': sent(connect5(2, [0, 1, 0xff])),
    'a user name that is not UTF-8 [MQTT-3.1.3-12]': sent(connect5(0x82, 'id', [0, 1, 0xff])),
    'a will topic that is not UTF-8 [MQTT-3.1.3-11]': sent(
      connect5(0x06, 'id', 0, [0, 1, 0xff], 'x'),
    ),
    'a will topic with a wildcard in 3.1.1': sent(bytes('MQTT', 4, 6, 0, 60, 'id', '#', 'x')),
    'a property of the will among its own': sent(withTerms(0x18, [0, 0, 0, 1])),
    'a property of its own in the will': sent(withWill(0x11, [0, 0, 0, 1])),
  },
  topicNameInvalid: {
    'a will topic with a wildcard': sent(connect5(0x06, 'id', 0, 'a/+', 'x')),
    'an empty will topic': sent(connect5(0x06, 'id', 0, '', 'x')),
  },
  protocolError: {
    'authentication data without a method [§3.1.2.11.10]': sent(withTerms(0x16, 'secret')),
    'a doubled session expiry [§3.1.2.11.2]': sent(
      withTerms(0x11, [0, 0, 0, 1], 0x11, [0, 0, 0, 1]),
    ),
    'receive maximum 0 [§3.1.2.11.3]': sent(withTerms(0x21, [0, 0])),
  },
  unsupportedProtocolVersion: {
    'another protocol name [MQTT-3.1.2-1]': sent(bytes('MQTX', 5, 2, 0, 60, 0, 'id')),
    'an unknown level, whatever follows [MQTT-3.1.2-2]': sent(bytes('MQTT', 6)),
    'the level of 3.1 under the name of 3.1.1': sent(bytes('MQTT', 3, 2, 0, 60, 'id')),
    'the level of 3.1.1 under the name of 3.1': sent(bytes('MQIsdp', 4, 2, 0, 60, 'id')),
    'the level of MQTT 5 with the bit of a bridge': sent(bytes('MQTT', 0x85, 2, 0, 60, 0, 'id')),
  },
}

describe('CONNECT is refused for', () => itRefuses(REFUSED))
