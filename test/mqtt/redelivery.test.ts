import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ConnectTerms,
  connectClient,
  type PacketClient,
  plain,
  publishPacket,
} from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const VERSIONS = [
  { name: 'MQTT 5', terms: { properties: { sessionExpiryInterval: 3600 } } },
  { name: 'MQTT 3.1.1', terms: { version: 4 } },
] as const satisfies readonly { name: string; terms: ConnectTerms }[]

for (const { name, terms } of VERSIONS)
  describe(`redelivery with ${name} [MQTT 5 §4.4]`, async () => {
    const { at, device } = await suiteGateway({ acl: 'pattern readwrite #\n' })

    const resumed = { ...terms, clean: false }

    async function publish(topic: string, qos: 0 | 1 | 2, ...payloads: string[]): Promise<void> {
      using writer = await connectClient(at, device, 'writer')
      for (const payload of payloads) await writer.publish(topic, payload, { qos })
    }

    it('QoS 1: repeats sent messages with DUP and their identifiers, in order and before new ones [MQTT-4.4.0-1] [MQTT-4.6.0-1]', async () => {
      const first = await connectClient(at, device, 'one', resumed)
      await first.subscribe('one')
      await publish('one', 1, 'a', 'b', 'c')
      const sent = [await first.take(), await first.take(), await first.take()]
      assert.deepEqual(
        sent.map(({ dup }) => dup),
        [false, false, false],
      )
      await first.disconnect()
      await publish('one', 1, 'd', 'e')

      using second = await connectClient(at, device, 'one', resumed)
      assert.equal(second.connack.sessionPresent, true)
      for (const { messageId, payload } of sent) {
        const again = await second.take()
        assert.deepEqual(again, { ...plain('one', payload, { qos: 1, dup: true }), messageId })
      }
      for (const payload of ['d', 'e'])
        assert.deepEqual(await second.receive(), plain('one', payload, { qos: 1 }))
    })

    it('QoS 1: does not repeat acknowledged messages', async () => {
      const first = await connectClient(at, device, 'acked', resumed)
      await first.subscribe('acked')
      await publish('acked', 1, 'a', 'b', 'c')
      const ids = [await first.take(), await first.take(), await first.take()].map(
        ({ messageId }) => messageId,
      )
      // out of order, which a server must accept
      first.send({ cmd: 'puback', messageId: ids[1] ?? 0 })
      await first.ping()
      await first.disconnect()
      using second = await connectClient(at, device, 'acked', resumed)
      assert.deepEqual(await second.receive(), plain('acked', 'a', { qos: 1, dup: true }))
      assert.deepEqual(await second.receive(), plain('acked', 'c', { qos: 1, dup: true }))
      await second.ping()
    })

    it('QoS 2: repeats PUBLISH before PUBREC, and PUBREL after it [MQTT-4.3.3-6]', async () => {
      const first = await connectClient(at, device, 'two', resumed)
      await first.subscribe('two')
      await publish('two', 2, 'a', 'b')
      const [a, b] = [await first.take(), await first.take()]
      first.send({ cmd: 'pubrec', messageId: a.messageId, reasonCode: 0 })
      assert.equal((await first.expect('pubrel')).messageId, a.messageId)
      await first.disconnect()

      using second = await connectClient(at, device, 'two', resumed)
      assert.equal((await second.expect('pubrel')).messageId, a.messageId)
      const again = await second.take()
      assert.deepEqual(again, {
        ...plain('two', 'b', { qos: 2, dup: true }),
        messageId: b.messageId,
      })
      second.send({ cmd: 'pubcomp', messageId: a.messageId, reasonCode: 0 })
      second.send({ cmd: 'pubrec', messageId: b.messageId, reasonCode: 0 })
      assert.equal((await second.expect('pubrel')).messageId, b.messageId)
      second.send({ cmd: 'pubcomp', messageId: b.messageId, reasonCode: 0 })
      await second.ping()
      await second.disconnect()
      using third = await connectClient(at, device, 'two', resumed)
      await third.ping()
    })

    it('repeats nothing while the connection lasts', async () => {
      using reader = await connectClient(at, device, 'lasts', resumed)
      await reader.subscribe('lasts')
      await publish('lasts', 1, 'a')
      assert.equal((await reader.take()).payload, 'a')
      await publish('lasts', 1, 'b')
      assert.equal((await reader.take()).payload, 'b')
      await reader.ping()
    })

    it('treats a takeover as a reconnection', async () => {
      using first = await connectClient(at, device, 'taken', resumed)
      await first.subscribe('taken')
      await publish('taken', 1, 'a')
      assert.equal((await first.take()).payload, 'a')
      using second = await connectClient(at, device, 'taken', resumed)
      assert.deepEqual(await second.receive(), plain('taken', 'a', { qos: 1, dup: true }))
    })

    it('delivers a QoS 2 message once where its client repeats it, on the same connection and the next', async () => {
      using reader = await connectClient(at, device, 'reader')
      await reader.subscribe('once')
      const first = await connectClient(at, device, 'sender', resumed)
      await sendTwice(first, 'a', 9)
      await first.disconnect()
      using second = await connectClient(at, device, 'sender', resumed)
      const again = publishPacket('once', 'a', { qos: 2, messageId: 9, dup: true })
      second.send(again)
      assert.equal((await second.expect('pubrec')).messageId, 9)
      second.send({ cmd: 'pubrel', messageId: 9, reasonCode: 0 })
      assert.equal((await second.expect('pubcomp')).messageId, 9)
      // the identifier is free again, so this is a new message [MQTT-4.3.3-12]
      await second.publish('once', 'b', { qos: 2, messageId: 9 })
      assert.deepEqual(await reader.receive(), plain('once', 'a', { qos: 2 }))
      assert.deepEqual(await reader.receive(), plain('once', 'b', { qos: 2 }))
    })

    async function sendTwice(
      client: PacketClient,
      payload: string,
      messageId: number,
    ): Promise<void> {
      for (const dup of [false, true]) {
        client.send(publishPacket('once', payload, { qos: 2, messageId, dup }))
        assert.equal((await client.expect('pubrec')).messageId, messageId)
      }
    }

    it('keeps the order of 200 messages of QoS 1 and 2 over many reconnections', async () => {
      const first = await connectClient(at, device, 'order', resumed)
      await first.subscribe('order')
      await first.disconnect()
      using writer = await connectClient(at, device, 'writer')
      const payloads = Array.from({ length: 200 }, (_, index) => `${index}`)
      for (const payload of payloads)
        await writer.publish('order', payload, { qos: Number(payload) % 2 === 0 ? 1 : 2 })

      const got: string[] = []
      while (got.length < payloads.length) {
        const client = await connectClient(at, device, 'order', resumed)
        for (let count = 0; count < 30 && got.length < payloads.length; count++)
          got.push((await client.receive()).payload)
        await client.disconnect()
      }
      assert.deepEqual(got, payloads)
    })
  })
