import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { assertDecoded, BELOW_5, bytes, itRefuses, properties, type Refusals } from './wire.ts'

const NONE = 0

describe('SUBSCRIBE and UNSUBSCRIBE', () => {
  it('are read below MQTT 5', () => {
    for (const version of BELOW_5) {
      const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 }
      assert.deepEqual(decodePacket(0x82, bytes([0, 1], 'a/#', 2, 'b', 0), version), {
        type: 'subscribe',
        packetId: 1,
        identifier: 0,
        subscriptions: [
          { filter: 'a/#', qos: 2, ...options },
          { filter: 'b', qos: 0, ...options },
        ],
      })
      assert.deepEqual(decodePacket(0xa2, bytes([0, 1], 'a/#', 'b'), version), {
        type: 'unsubscribe',
        packetId: 1,
        filters: ['a/#', 'b'],
      })
    }
  })

  it('are read in MQTT 5', () => {
    const carried = properties(0x26, 'a', 'b', 0x0b, [0xff, 0xff, 0xff, 0x7f])
    assert.deepEqual(decodePacket(0x82, bytes([0, 1], carried, 'a/#', 0x2d, 'b', 0x12), 5), {
      type: 'subscribe',
      packetId: 1,
      identifier: 268_435_455,
      subscriptions: [
        { filter: 'a/#', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { filter: 'b', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 1 },
      ],
    })
    assert.deepEqual(decodePacket(0xa2, bytes([0, 1], properties(0x26, 'a', 'b'), 'a/#'), 5), {
      type: 'unsubscribe',
      packetId: 1,
      filters: ['a/#'],
    })
  })

  it('may have DUP in MQTT 3.1, as PUBREL may [3.1 §2.1]', () => {
    assertDecoded(3, 0x8a, bytes([0, 1], 'a', 0), { type: 'subscribe' })
    assertDecoded(3, 0xaa, bytes([0, 1], 'a'), { type: 'unsubscribe' })
    assertDecoded(3, 0x6a, bytes([0, 1]), { type: 'pubrel' })
  })
})

const SUBSCRIBE = bytes([0, 1], NONE, 'a', 0)

const REFUSED: Refusals = {
  protocolError: {
    'SUBSCRIBE with identifier 0': [5, 0x82, bytes([0, 0], NONE, 'a', 0)],
    'an empty SUBSCRIBE [MQTT-3.8.3-2]': [5, 0x82, bytes([0, 1], NONE)],
    'an empty SUBSCRIBE in 3.1.1': [4, 0x82, bytes([0, 1])],
    'SUBSCRIBE with QoS 3': [5, 0x82, bytes([0, 1], NONE, 'a', 3)],
    'SUBSCRIBE with QoS 3 in 3.1.1': [4, 0x82, bytes([0, 1], 'a', 3)],
    'retain handling 3 [§3.8.3.1]': [5, 0x82, bytes([0, 1], NONE, 'a', 0x30)],
    'UNSUBSCRIBE with identifier 0': [4, 0xa2, bytes([0, 0], 'a')],
    'an empty UNSUBSCRIBE [MQTT-3.10.3-2]': [5, 0xa2, bytes([0, 1], NONE)],
    'no local on a shared subscription [MQTT-3.8.3-4]': [
      5,
      0x82,
      bytes([0, 1], NONE, '$share/g/a', 4),
    ],
  },
  malformedPacket: {
    'SUBSCRIBE with wrong flags [MQTT-3.8.1-1]': [5, 0x80, SUBSCRIBE],
    'SUBSCRIBE with DUP': [5, 0x8a, SUBSCRIBE],
    'SUBSCRIBE with RETAIN in 3.1': [3, 0x83, bytes([0, 1], 'a', 0)],
    'SUBSCRIBE without options': [5, 0x82, bytes([0, 1], NONE, 'a')],
    'reserved option bits [MQTT-3.8.3-5]': [5, 0x82, bytes([0, 1], 0, 'a', 0x40)],
    'options in 3.1.1 [MQTT-3-8.3-4]': [4, 0x82, bytes([0, 1], 'a', 4)],
    'a filter that is not UTF-8': [5, 0x82, bytes([0, 1], 0, [0, 1, 0xff], 0)],
    'UNSUBSCRIBE with wrong flags': [5, 0xa0, bytes([0, 1], NONE, 'a')],
    'UNSUBSCRIBE cut short': [4, 0xa2, bytes([0, 1], 'a', 0)],
  },
}

describe('refused is', () => itRefuses(REFUSED))
