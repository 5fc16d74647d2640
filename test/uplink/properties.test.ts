import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { generate, type IPublishPacket, parser } from 'mqtt-packet'
import type { UserProperty } from '../../src/topic/message.ts'
import { fromPacketProperties, toPacketProperties } from '../../src/uplink/properties.ts'
import { userPropertyBytes } from '../support/publish-bytes.ts'

const text = fc
  .string({ unit: 'binary', maxLength: 10 })
  .map((any) => any.toWellFormed().replaceAll('\0', ''))
const properties = fc.record(
  {
    payloadFormatIndicator: fc.constantFrom(0 as const, 1 as const),
    contentType: text,
    responseTopic: fc.constantFrom('a', 'answers/ü'),
    correlationData: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    // mqtt-packet reads only one of several empty values
    userProperties: fc.array(
      fc.tuple(
        text,
        text.map((value) => `=${value}`),
      ),
      {
        minLength: 1,
        maxLength: 5,
      },
    ),
  },
  { requiredKeys: [] },
)
const byName = (pairs: readonly UserProperty[] = []) => Map.groupBy(pairs, ([name]) => name)

describe('the properties of a message in mqtt.js', () => {
  it('are read as they were written, except for the order of names in mqtt.js', () => {
    fc.assert(
      fc.property(properties, fc.option(fc.integer({ min: 1 })), (sent, messageExpiry) => {
        const packet: IPublishPacket = {
          cmd: 'publish',
          topic: 'a',
          payload: '',
          qos: 0,
          retain: false,
          dup: false,
          properties: toPacketProperties({ properties: sent, messageExpiry }),
        }
        let received: IPublishPacket['properties']
        const parse = parser({ protocolVersion: 5 })
        parse.on('packet', (arrived) => {
          received = (arrived as IPublishPacket).properties
        })
        parse.parse(generate(packet, { protocolVersion: 5 }))
        const { userProperties: sentPairs, ...sentRest } = sent
        const { userProperties, ...rest } = fromPacketProperties(received) ?? {}
        assert.deepEqual(rest, sentRest)
        assert.deepEqual(byName(userProperties), byName(sentPairs))
        assert.equal(received?.messageExpiryInterval ?? null, messageExpiry)
      }),
    )
  })

  it('are written in order, whatever their names', () => {
    const userProperties = [
      ...[['b', '1'] as const, ['a', '2'] as const, ['b', '3'] as const],
      ...[['1', '4'] as const, ['__proto__', '5'] as const, ['', ''] as const],
    ]
    const properties = toPacketProperties({ properties: { userProperties }, messageExpiry: null })
    const packet = { cmd: 'publish', topic: 'a', payload: '', qos: 0, retain: false } as const
    const bytes = generate({ ...packet, dup: false, properties }, { protocolVersion: 5 })
    assert.ok(bytes.includes(userPropertyBytes(...userProperties)))
  })

  it('are null where there are none', () => {
    assert.equal(fromPacketProperties(undefined), null)
    assert.equal(fromPacketProperties({ topicAlias: 1, subscriptionIdentifier: 1 }), null)
    assert.deepEqual(toPacketProperties({ properties: null, messageExpiry: null }), {})
  })
})
