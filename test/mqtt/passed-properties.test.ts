import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { publishPacket } from '../../src/mqtt/encode-publish.ts'
import type { Publish } from '../../src/mqtt/packets.ts'
import { bytes, properties } from './wire.ts'

const A = bytes(0x26, 'a', 'ä')
const B = bytes(0x26, 'b', '')
const TYPE = bytes(0x03, 'text')

function read(...parts: readonly Buffer[]): Publish {
  const packet = decodePacket(0x30, bytes('t', properties(...parts), [1]), 5)
  assert.ok(packet.type === 'publish')
  return packet
}

/** The packet that brings a message to a subscriber. */
function send({ properties, ...packet }: Publish): Buffer {
  return publishPacket(5, { ...packet, properties, subscriptionIdentifiers: [] })
}

/** The same message with a list of user properties that was not read from a packet. */
function madeHere(packet: Publish): Publish {
  const { userProperties = [], ...others } = packet.properties ?? {}
  return { ...packet, properties: { ...others, userProperties: [...userProperties] } }
}

describe('user properties of a packet that is sent on', () => {
  it('are the same, whatever stands between them', () => {
    for (const parts of [[A], [A, B], [TYPE, A, B], [A, B, TYPE], [A, TYPE, B], [A, TYPE, B, B]]) {
      const packet = read(...parts)
      assert.ok(send(packet).equals(send(madeHere(packet))), String(parts.length))
    }
  })

  it('are the same when another packet was read since then', () => {
    const packet = read(A, B)
    const expected = send(madeHere(packet))
    read(B)
    assert.ok(send(packet).equals(expected))
  })

  it('are copied from the packet that was read last', () => {
    const body = bytes('t', properties(A), [1])
    const packet = decodePacket(0x30, body, 5)
    assert.ok(packet.type === 'publish')
    body[body.indexOf('a')] = 0x62
    assert.ok(send(packet).includes(bytes(0x26, 'b', 'ä')))
  })
})
