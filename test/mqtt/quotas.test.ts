import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IConnackPacket } from 'mqtt-packet'
import { connectPacket, rawConnected, rawMqtt, type Version } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

describe('quotas', async () => {
  const settings = { maxSessions: '1', maxSubscriptions: '1' }
  const { at, device } = await suiteGateway({ acl: 'pattern readwrite #\n', settings })

  /** The CONNACK of a session that outlives its connection. */
  async function lasting(protocolVersion: Version, clientId: string): Promise<IConnackPacket> {
    using raw = await rawMqtt(at, device)
    const properties = { sessionExpiryInterval: 3600 }
    raw.send(
      connectPacket({
        protocolVersion,
        clientId,
        clean: false,
        ...(protocolVersion === 5 ? { properties } : {}),
      }),
    )
    return (await raw.next()) as IConnackPacket
  }

  it('of sessions are answered with CONNACK 0x97, before MQTT 5 with return code 3', async () => {
    assert.equal((await lasting(5, 'first')).reasonCode, 0)
    assert.equal((await lasting(5, 'second')).reasonCode, 0x97)
    assert.equal((await lasting(4, 'second')).returnCode, 3)
    assert.equal((await lasting(4, 'first')).returnCode, 0)
    using other = await rawConnected(at, device, { protocolVersion: 5, clientId: 'second' })
    other.send({ cmd: 'pingreq' })
    assert.equal((await other.next()).cmd, 'pingresp')
    assert.equal(await at.metric('wott_store_limits_reached_total{limit="sessions"}'), 2)
  })

  it('of filters are answered with SUBACK 0x97, before MQTT 5 with 0x80', async () => {
    for (const [protocolVersion, refusal] of [
      [5, 0x97],
      [4, 0x80],
    ] as const) {
      using raw = await rawConnected(at, device, { protocolVersion })
      const subscriptions = ['a', '$share/g/a'].map((topic) => ({ topic, qos: 1 as const }))
      raw.send({ cmd: 'subscribe', messageId: 1, subscriptions })
      const suback = await raw.next()
      assert.ok(suback.cmd === 'suback')
      assert.deepEqual(suback.granted, [1, refusal])
    }
    assert.equal(await at.metric('wott_store_limits_reached_total{limit="subscriptions"}'), 2)
  })

  it('of bytes per packet, set by the client, drop and count a larger message', async () => {
    const properties = { maximumPacketSize: 64 }
    using raw = await rawConnected(at, device, { protocolVersion: 5, properties })
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] })
    assert.equal((await raw.next()).cmd, 'suback')
    for (const [messageId, payload] of ['x'.repeat(64), 'small'].entries())
      raw.send({
        cmd: 'publish',
        topic: 'a',
        payload,
        qos: 1,
        messageId: messageId + 2,
        dup: false,
        retain: false,
      })
    const got: string[] = []
    while (got.length < 3) {
      const packet = await raw.next()
      got.push(packet.cmd === 'publish' ? String(packet.payload) : packet.cmd)
    }
    assert.deepEqual(got.sort(), ['puback', 'puback', 'small'])
    const dropped = 'wott_deliveries_dropped_total{door="mqtt",reason="packet_too_large"}'
    assert.equal(await at.metric(dropped), 1)
  })
})
