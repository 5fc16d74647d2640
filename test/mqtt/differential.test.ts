import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import mqttPacket from 'mqtt-packet'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { createFrames } from '../../src/mqtt/frames.ts'
import type { ClientPacket, Version } from '../../src/mqtt/packets.ts'
import { ProtocolError } from '../../src/mqtt/reasons.ts'
import { SEED } from '../support/seed.ts'
import { parse } from './mqtt-packet.ts'
import { ourFields, theirFields } from './mqtt-packet-fields.ts'
import { createRandom, mutate, type Sent, samplePackets } from './mutate.ts'
import { bytes, properties, VERSIONS } from './wire.ts'

const RUNS = 40_000

/** Packets that mqtt-packet 9.0.2 accepts although MQTT forbids them: version, first byte and body. */
const FAULTS: Record<string, readonly [version: Version, first: number, body: Buffer]> = {
  'a property in a wrong packet': [5, 0x30, bytes('a', properties(0x13, [0, 1]))],
  'a doubled property, of which it makes an array': [
    5,
    0x30,
    bytes('a', properties(0x03, 'b', 0x03, 'c')),
  ],
  'a doubled property, of which it keeps the last': [
    5,
    0x30,
    bytes('a', properties(0x01, 0, 0x01, 1)),
  ],
  'a property cut by the length of the properties': [5, 0x30, bytes('a', 4, 0x03, 'bcd')],
  'payload format 7': [5, 0x30, bytes('a', properties(0x01, 7))],
  'packet identifier 0': [4, 0x32, bytes('a', [0, 0])],
  'DUP with QoS 0': [4, 0x38, bytes('a')],
  'a will of QoS 3': [4, 0x10, bytes('MQTT', 4, 0x1e, 0, 60, 'id', 'w', 'x')],
  'a length of properties longer than it has to be': [5, 0x30, bytes('a', [0x80, 0])],
  'bytes behind the end': [4, 0x40, bytes([0, 1, 2])],
  'PINGREQ with a body': [4, 0xc0, bytes(1)],
  'PUBACK of length 0': [4, 0x40, bytes()],
  'an empty SUBSCRIBE': [4, 0x82, bytes([0, 1])],
  'U+0000 in a string': [4, 0x30, bytes('a\0')],
  'a string that is not UTF-8, where it puts U+FFFD': [4, 0x30, bytes([0, 1, 0xff])],
}

describe('mqtt-packet', () => {
  for (const [title, [version, first, body]] of Object.entries(FAULTS))
    it(`accepts ${title}, and the gateway does not`, () => {
      assert.ok(parse(toBytes({ first, body }), version), 'mqtt-packet is mended: delete this row')
      assert.equal(decodeOrNull({ first, body }, first >> 4 === 1 ? null : version), null)
    })

  it('loses the order of user properties and some empty ones, and the gateway does not', () => {
    const pairs = [
      ['b', ''],
      ['a', '1'],
      ['b', ''],
      ['b', '2'],
    ] as const
    const carried = pairs.map(([name, value]) => bytes(0x26, name, value))
    const sent = { first: 0x30, body: bytes('t', properties(...carried)) }
    const theirs = parse(toBytes(sent), 5)
    assert.ok(theirs?.cmd === 'publish')
    assert.deepEqual({ ...theirs.properties?.userProperties }, { b: '2', a: '1' })
    const ours = decodeOrNull(sent, 5)
    assert.ok(ours?.type === 'publish')
    assert.deepEqual(ours.properties?.userProperties, pairs)
  })

  it('reads the next packet as properties of a DISCONNECT without any, and the gateway does not', () => {
    const stream = bytes([0xe0, 0], [0xc0, 0])
    const theirs: string[] = []
    const parser = mqttPacket.parser({ protocolVersion: 5 })
    parser.on('packet', ({ cmd }) => theirs.push(cmd)).on('error', () => theirs.push('error'))
    parser.parse(stream)
    assert.notDeepEqual(theirs, ['disconnect', 'pingreq'])
    const frames = createFrames({ connectBytes: 100, packetBytes: 100 })
    frames.push(stream)
    const ours = [frames.next(), frames.next()].map(
      (frame) => frame && decodePacket(frame.first, frame.body, 5).type,
    )
    assert.deepEqual(ours, ['disconnect', 'pingreq'])
  })

  for (const version of VERSIONS)
    it(`reads what both accept as the gateway does (version ${version})`, (t) => {
      t.diagnostic(`FUZZ_SEED=${SEED}`)
      const packets = samplePackets(version, 500, SEED)
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 0
      t.after(() => {
        Error.stackTraceLimit = stackTraceLimit
      })
      let both = 0
      for (let run = 0; run < RUNS; run++) {
        const sent = mutate(packets, createRandom(SEED + run))
        const ours = decodeOrNull(sent, sent.first >> 4 === 1 ? null : version)
        const theirs = parse(toBytes(sent), version)
        const repeat = `FUZZ_SEED=${SEED}: 0x${sent.first.toString(16)} ${sent.body.toString('hex')}`
        if (ours && theirs) {
          both += 1
          assert.deepEqual(theirFields(theirs, ours), ourFields(ours), repeat)
        } else if (ours) assert.ok(onlyWeTake(ours, sent), `refused there: ${repeat}`)
      }
      assert.ok(both > RUNS / 10, `both accept only ${both}`)
    })
})

function decodeOrNull({ first, body }: Sent, version: Version | null): ClientPacket | null {
  try {
    return decodePacket(first, body, version)
  } catch (error) {
    assert.ok(error instanceof ProtocolError)
    return null
  }
}

function toBytes({ first, body }: Sent): Buffer {
  const length: number[] = []
  let rest = body.length
  do {
    length.push((rest & 0x7f) | (rest >= 128 ? 0x80 : 0))
    rest >>= 7
  } while (rest > 0)
  return bytes(first, length, body)
}

/** Whether mqtt-packet 9.0.2 refuses a packet although MQTT allows it. */
function onlyWeTake(ours: ClientPacket, { first, body }: Sent): boolean {
  // AUTH without a reason code [§3.15.2.1]
  if (ours.type === 'auth') return body.length === 0
  // MQTT 3.1: flags that it has disregarded, and a user name that is missing in spite of its flag [3.1 §3.1]
  if (ours.type === 'connect') return ours.version === 3
  // MQTT 3.1: DUP of a packet that is sent again [3.1 §2.1]
  return ['pubrel', 'subscribe', 'unsubscribe'].includes(ours.type) && (first & 0x0f) === 0x0a
}
