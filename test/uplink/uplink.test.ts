import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UplinkMessage } from '../../src/uplink/message.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { message, startUplink } from './site.ts'

const PROPERTIES = {
  payloadFormatIndicator: 1,
  contentType: 'text/plain',
  responseTopic: 'answers',
  correlationData: Buffer.from([0, 1]),
  userProperties: [
    ['b', '1'],
    ['a', '2'],
    ['1', '3'],
  ],
} as const

describe('an uplink to Mosquitto', () => {
  it('publishes, and receives messages with their properties', async () => {
    await using mosquitto = await startMosquitto()
    const came = Promise.withResolvers<UplinkMessage>()
    await using at = startUplink(mosquitto.port, { onMessage: came.resolve })
    await at.connected()
    const { uplink } = at
    assert.equal(uplink.state(), 'connected')
    assert.equal(uplink.protocol(), 5)
    assert.equal(uplink.outage(), null)
    assert.deepEqual(await uplink.subscribe([{ filter: 'a/#', qos: 1 }]), [1])
    const said = { properties: PROPERTIES, messageExpiry: 100 }
    await uplink.publish(message('a/b', 'hello', said))
    const { payload, properties, ...rest } = await came.promise
    assert.equal(payload.toString(), 'hello')
    const { userProperties, ...others } = PROPERTIES
    assert.deepEqual(
      { ...properties, userProperties: undefined },
      { ...others, userProperties: undefined },
    )
    assert.deepEqual(new Set(properties?.userProperties), new Set(userProperties))
    assert.deepEqual(rest, {
      topic: 'a/b',
      qos: 1,
      retain: false,
      dup: false,
      messageExpiry: 100,
    })
    assert.deepEqual(uplink.pending(), { messages: 0, bytes: 0 })
  })
})
