import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectClient, type PacketClient, publishPacket } from '../support/packet-client.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const MOST = 10

describe('receive maximum [MQTT 5 §4.9]', async () => {
  const settings = { receiveMaximum: `${MOST}` }
  const { at, device } = await suiteGateway({ acl: ACL, settings })

  async function publish(topic: string, count: number, qos: 0 | 1 | 2): Promise<void> {
    using writer = await connectClient(at, device, 'writer')
    for (let index = 0; index < count; index++) await writer.publish(topic, `m${index}`, { qos })
    await writer.ping()
  }

  /** Receives exactly these messages without acknowledging; returns their packet identifiers. */
  async function takeOnly(client: PacketClient, ...payloads: string[]): Promise<number[]> {
    const ids: number[] = []
    for (const payload of payloads) {
      const said = await client.take()
      assert.equal(said.payload, payload)
      ids.push(said.messageId)
    }
    await client.ping()
    return ids
  }

  describe('of the client [MQTT-3.3.4-9]', () => {
    const terms = { properties: { receiveMaximum: 2 } }

    it('QoS 1: one PUBACK makes room for one message', async () => {
      using reader = await connectClient(at, device, 'reader', terms)
      await reader.subscribe('one')
      await publish('one', 4, 1)
      const [first = 0, second = 0] = await takeOnly(reader, 'm0', 'm1')
      reader.send({ cmd: 'puback', messageId: first, reasonCode: 0 })
      const [third = 0] = await takeOnly(reader, 'm2')
      reader.send({ cmd: 'puback', messageId: second, reasonCode: 0 })
      reader.send({ cmd: 'puback', messageId: third, reasonCode: 0x80 })
      await takeOnly(reader, 'm3')
    })

    it('QoS 2: PUBCOMP makes room, PUBREC does not unless it refuses', async () => {
      using reader = await connectClient(at, device, 'reader', terms)
      await reader.subscribe('two')
      await publish('two', 4, 2)
      const [first = 0, second = 0] = await takeOnly(reader, 'm0', 'm1')
      reader.send({ cmd: 'pubrec', messageId: first, reasonCode: 0 })
      assert.equal((await reader.expect('pubrel')).messageId, first)
      await reader.ping()
      reader.send({ cmd: 'pubcomp', messageId: first, reasonCode: 0 })
      await takeOnly(reader, 'm2')
      reader.send({ cmd: 'pubrec', messageId: second, reasonCode: 0x97 })
      await takeOnly(reader, 'm3')
    })

    it('does not limit QoS 0', async () => {
      using reader = await connectClient(at, device, 'reader', terms)
      await reader.subscribe('full')
      await reader.subscribe('free')
      await publish('full', 3, 1)
      await takeOnly(reader, 'm0', 'm1')
      await publish('free', 3, 0)
      await takeOnly(reader, 'm0', 'm1', 'm2')
    })

    it('applies to retained and queued messages', async () => {
      const session = { ...terms.properties, sessionExpiryInterval: 3600 }
      const sleeper = await connectClient(at, device, 'sleeper', { properties: session })
      await sleeper.subscribe('waits')
      await sleeper.disconnect()
      await publish('waits', 3, 1)
      using writer = await connectClient(at, device, 'writer')
      for (const name of ['a', 'b', 'c'])
        await writer.publish(`kept/${name}`, 'kept', { qos: 1, retain: true })
      using awake = await connectClient(at, device, 'sleeper', {
        clean: false,
        properties: session,
      })
      const [first = 0] = await takeOnly(awake, 'm0', 'm1')
      assert.deepEqual(await awake.subscribe('kept/#'), [2])
      await awake.ping()
      awake.send({ cmd: 'puback', messageId: first, reasonCode: 0 })
      await takeOnly(awake, 'm2')
    })

    it('may be lower when a session comes back', async () => {
      const terms = (receiveMaximum: number) => ({
        properties: { receiveMaximum, sessionExpiryInterval: 3600 },
      })
      const wide = await connectClient(at, device, 'narrows', terms(3))
      await wide.subscribe('narrow')
      await publish('narrow', 3, 1)
      await takeOnly(wide, 'm0', 'm1', 'm2')
      await wide.disconnect()
      using narrow = await connectClient(at, device, 'narrows', { ...terms(1), clean: false })
      for (const payload of ['m0', 'm1', 'm2']) {
        const [messageId = 0] = await takeOnly(narrow, payload)
        narrow.send({ cmd: 'puback', messageId, reasonCode: 0 })
      }
      await narrow.ping()
    })

    it('0 is refused with 0x82 [MQTT 5 §3.1.2.11.3]', async () => {
      using client = await rawMqtt(at, device)
      const properties = { receiveMaximum: 0 }
      client.send(connectPacket({ protocolVersion: 5, properties }))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.reasonCode, 0x82)
      await client.closed
    })
  })

  describe('of the gateway [MQTT-3.3.4-7]', () => {
    it('is stated in CONNACK', async () => {
      using client = await connectClient(at, device, 'writer')
      assert.equal(client.connack.properties?.receiveMaximum, MOST)
    })

    it('allows that many QoS 2 messages, and ends the connection at one more with 0x93', async () => {
      using writer = await connectClient(at, device, 'writer')
      const messages = Array.from({ length: MOST }, (_, index) =>
        publishPacket('in', 'x', { qos: 2, messageId: index + 1 }),
      )
      writer.send(...messages)
      for (const { messageId } of messages)
        assert.equal((await writer.expect('pubrec')).messageId, messageId)
      // room is made by PUBCOMP, not by PUBREL
      writer.send({ cmd: 'pubrel', messageId: 1, reasonCode: 0 })
      assert.equal((await writer.expect('pubcomp')).messageId, 1)
      writer.send(publishPacket('in', 'x', { qos: 2, messageId: 1 }))
      assert.equal((await writer.expect('pubrec')).messageId, 1)
      writer.send(publishPacket('in', 'x', { qos: 2, messageId: MOST + 1 }))
      assert.equal((await writer.expect('disconnect')).reasonCode, 0x93)
      await writer.closed
    })

    it('counts a repeated message once', async () => {
      using writer = await connectClient(at, device, 'writer')
      for (let index = 1; index <= MOST; index++)
        writer.send(publishPacket('in', 'x', { qos: 2, messageId: index }))
      for (let index = 1; index <= MOST; index++) await writer.expect('pubrec')
      writer.send(publishPacket('in', 'x', { qos: 2, messageId: 1, dup: true }))
      assert.equal((await writer.expect('pubrec')).messageId, 1)
    })

    it('does not count QoS 0', async () => {
      using writer = await connectClient(at, device, 'writer')
      for (let index = 1; index <= MOST; index++)
        writer.send(publishPacket('in', 'x', { qos: 2, messageId: index }))
      for (let index = 1; index <= MOST; index++) await writer.expect('pubrec')
      await writer.publish('in', 'x')
      await writer.ping()
    })

    it('does not apply to MQTT 3.1.1, which does not know it', async () => {
      using writer = await connectClient(at, device, 'old', { version: 4 })
      for (let index = 1; index <= MOST + 5; index++)
        writer.send(publishPacket('in', 'x', { qos: 2, messageId: index }))
      for (let index = 1; index <= MOST + 5; index++)
        assert.equal((await writer.expect('pubrec')).messageId, index)
    })
  })
})
