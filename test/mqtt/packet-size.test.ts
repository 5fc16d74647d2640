import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import mqttPacket, { type IPublishPacket } from 'mqtt-packet'
import { connectClient, type PacketClient, plain, publishPacket } from '../support/packet-client.ts'
import { variableLength } from '../support/publish-bytes.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'

describe('maximum packet size', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  describe('of the client [MQTT-3.1.2-24]', () => {
    const SIZE = 200
    const terms = { properties: { maximumPacketSize: SIZE, receiveMaximum: 1 } }

    /** A payload with which the PUBLISH has this many bytes. */
    function payloadFor(bytes: number, topic: string, more: Partial<IPublishPacket>): string {
      const messageId = more.qos ? { messageId: 1 } : {}
      const packet = publishPacket(topic, '', { ...more, ...messageId })
      const empty = mqttPacket.generate(packet, { protocolVersion: 5 }).length
      // from 128 bytes on, the remaining length takes one byte more
      return 'x'.repeat(bytes - empty - 1)
    }

    for (const qos of [0, 1, 2] as const)
      it(`lets a message of that size through and drops a larger one, with QoS ${qos} [MQTT-3.1.2-25]`, async () => {
        using reader = await connectClient(at, device, 'reader', terms)
        using writer = await connectClient(at, device, 'writer')
        await reader.subscribe('size')
        const fits = payloadFor(SIZE, 'size', { qos })
        await writer.publish('size', `${fits}x`, { qos })
        await writer.publish('size', fits, { qos })
        await writer.publish('size', `${fits}x`, { qos })
        await writer.publish('size', 'fence', { qos })
        assert.deepEqual(await reader.receive(), plain('size', fits, { qos }))
        assert.deepEqual(await reader.receive(), plain('size', 'fence', { qos }))
      })

    it('includes properties and the subscription identifier', async () => {
      using reader = await connectClient(at, device, 'reader', terms)
      using writer = await connectClient(at, device, 'writer')
      await reader.subscribe('properties', 1000)
      const properties = { contentType: 'text/plain', userProperties: { name: 'value' } }
      const told = { ...properties, subscriptionIdentifier: 1000 }
      const fits = payloadFor(SIZE, 'properties', { qos: 1, properties: told })
      await writer.publish('properties', `${fits}x`, { qos: 1, properties })
      await writer.publish('properties', fits, { qos: 1, properties })
      assert.deepEqual(
        await reader.receive(),
        plain('properties', fits, { qos: 1, properties: told }),
      )
    })

    it('applies to queued and retained messages', async () => {
      const session = { ...terms.properties, sessionExpiryInterval: 3600 }
      const sleeper = await connectClient(at, device, 'sleeper', { properties: session })
      await sleeper.subscribe('waits/#')
      await sleeper.disconnect()
      using writer = await connectClient(at, device, 'writer')
      await writer.publish('waits/large', 'x'.repeat(SIZE), { qos: 1, retain: true })
      await writer.publish('waits/small', 'x', { qos: 1, retain: true })
      using awake = await connectClient(at, device, 'sleeper', {
        clean: false,
        properties: session,
      })
      assert.deepEqual(await awake.receive(), plain('waits/small', 'x', { qos: 1 }))
      await awake.subscribe('waits/#')
      assert.deepEqual(await awake.receive(), plain('waits/small', 'x', { qos: 1, retain: true }))
      await awake.ping()
    })

    it('is refused with 0x82 where it is 0 [MQTT 5 §3.1.2.11.4]', async () => {
      using client = await rawMqtt(at, device)
      client.send(connectPacket({ protocolVersion: 5, properties: { maximumPacketSize: 0 } }))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.reasonCode, 0x82)
      await client.closed
    })
  })

  describe('of the gateway [MQTT-3.2.2-15]', () => {
    function sizeOf(client: PacketClient): number {
      const size = client.connack.properties?.maximumPacketSize
      assert.ok(size !== undefined)
      return size
    }

    it('allows the largest payload', async () => {
      using client = await connectClient(at, device, 'client')
      const largest = 128 * 1024
      assert.ok(sizeOf(client) > largest)
      await client.subscribe([{ topic: 'large', qos: 1 }])
      assert.equal(await client.publish('large', 'x'.repeat(largest), { qos: 1 }), 0)
      assert.equal((await client.receive()).payload.length, largest)
    })

    it('ends the connection with 0x95 at the header of a larger packet', async () => {
      using client = await connectClient(at, device, 'client')
      // with this length of three bytes the whole packet has one byte too many
      const length = variableLength(sizeOf(client) - 3)
      assert.equal(length.length, 3)
      client.send(Buffer.concat([Buffer.from([0x30]), length]))
      assert.equal((await client.expect('disconnect')).reasonCode, 0x95)
      await client.closed
    })

    it('refuses a payload above its own limit with 0x97', async () => {
      using client = await connectClient(at, device, 'client')
      await client.subscribe('large')
      const payload = 'x'.repeat(128 * 1024 + 1)
      assert.equal(await client.publish('large', payload, { qos: 1 }), 0x97)
      assert.equal(await client.publish('large', payload, { qos: 2 }), 0x97)
      await client.publish('large', 'fence', { qos: 1 })
      assert.deepEqual(await client.receive(), plain('large', 'fence', { qos: 1 }))
    })
  })
})
