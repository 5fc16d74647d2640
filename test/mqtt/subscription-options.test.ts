import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { messagesOf, mqtt } from '../support/clients.ts'
import { connectClient, plain } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const SESSION = { properties: { sessionExpiryInterval: 3600 } }
const RESUMED = { ...SESSION, clean: false }

describe('subscription options [MQTT 5 §3.8.3.1]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  describe('no local [MQTT-3.8.3-3]', () => {
    for (const qos of [0, 1, 2] as const)
      it(`stops a client's own messages, and only those, with QoS ${qos}`, async () => {
        const topic = `own/${qos}`
        using one = await connectClient(at, device, `one-${qos}`)
        using other = await connectClient(at, device, `other-${qos}`)
        await one.subscribe([{ topic, nl: true }])
        await other.subscribe([{ topic, nl: false }])
        await one.publish(topic, 'of one', { qos })
        assert.deepEqual(await other.receive(), plain(topic, 'of one', { qos }))
        await other.publish(topic, 'of the other', { qos })
        assert.deepEqual(await one.receive(), plain(topic, 'of the other', { qos }))
        assert.deepEqual(await other.receive(), plain(topic, 'of the other', { qos }))
      })

    it('applies to one filter, not to another that also matches', async () => {
      using one = await connectClient(at, device, 'one')
      await one.subscribe([{ topic: 'both/+', nl: true }], 1)
      await one.subscribe([{ topic: 'both/#', nl: false }], 2)
      await one.publish('both/x', 'mine')
      const properties = { subscriptionIdentifier: 2 }
      assert.deepEqual(await one.receive(), plain('both/x', 'mine', { properties }))
    })
  })

  describe('retain as published', () => {
    it('0 clears RETAIN, 1 keeps it [MQTT-3.3.1-12] [MQTT-3.3.1-13]', async () => {
      using cleared = await connectClient(at, device, 'cleared')
      using kept = await connectClient(at, device, 'kept')
      using writer = await connectClient(at, device, 'writer')
      await cleared.subscribe([{ topic: 'rap', rap: false }])
      await kept.subscribe([{ topic: 'rap', rap: true }])
      await writer.publish('rap', 'r', { qos: 1, retain: true })
      await writer.publish('rap', 'n', { qos: 1, retain: false })
      await writer.publish('rap', '', { qos: 1, retain: true })
      for (const [payload, retain] of [
        ['r', true],
        ['n', false],
        ['', true],
      ] as const) {
        assert.deepEqual(await cleared.receive(), plain('rap', payload, { qos: 1, retain: false }))
        assert.deepEqual(await kept.receive(), plain('rap', payload, { qos: 1, retain }))
      }
    })

    it('keeps RETAIN in a session too', async () => {
      const sleeper = await connectClient(at, device, 'sleeper', SESSION)
      await sleeper.subscribe([
        { topic: 'rap/asleep/kept', rap: true },
        { topic: 'rap/asleep/cleared', rap: false },
      ])
      await sleeper.disconnect()
      using writer = await connectClient(at, device, 'writer')
      await writer.publish('rap/asleep/kept', 'x', { qos: 1, retain: true })
      await writer.publish('rap/asleep/cleared', 'x', { qos: 1, retain: true })
      using awake = await connectClient(at, device, 'sleeper', RESUMED)
      assert.deepEqual(
        await awake.receive(),
        plain('rap/asleep/kept', 'x', { qos: 1, retain: true }),
      )
      assert.deepEqual(
        await awake.receive(),
        plain('rap/asleep/cleared', 'x', { qos: 1, retain: false }),
      )
    })

    it('does not apply to messages retained before, which always have RETAIN', async () => {
      using writer = await connectClient(at, device, 'writer')
      await writer.publish('rap/before', 'x', { qos: 1, retain: true })
      using reader = await connectClient(at, device, 'reader')
      for (const rap of [false, true]) {
        await reader.subscribe([{ topic: 'rap/before', rap }])
        assert.deepEqual(await reader.receive(), plain('rap/before', 'x', { qos: 1, retain: true }))
      }
    })
  })

  describe('retain handling', () => {
    before(async () => {
      using writer = await connectClient(at, device, 'writer')
      await writer.publish('rh', 'kept', { qos: 1, retain: true })
    })
    const kept = plain('rh', 'kept', { qos: 1, retain: true })

    it('0 sends retained messages at each SUBSCRIBE [MQTT-3.3.1-9]', async () => {
      using reader = await connectClient(at, device, 'reader')
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await reader.subscribe([{ topic: 'rh', rh: 0 }]), [2])
        assert.deepEqual(await reader.receive(), kept)
      }
    })

    it('1 sends them when the subscription is new [MQTT-3.3.1-10]', async () => {
      using reader = await connectClient(at, device, 'reader')
      await reader.subscribe([{ topic: 'rh', rh: 1 }])
      assert.deepEqual(await reader.receive(), kept)
      assert.deepEqual(await reader.subscribe([{ topic: 'rh', rh: 1, qos: 1 }]), [1])
      await reader.ping()
      await reader.unsubscribe('rh')
      await reader.subscribe([{ topic: 'rh', rh: 1 }])
      assert.deepEqual(await reader.receive(), kept)
    })

    it('1 sends none for the subscription of a resumed session', async () => {
      const first = await connectClient(at, device, 'resumes', SESSION)
      await first.subscribe([{ topic: 'rh', rh: 1 }])
      assert.deepEqual(await first.receive(), kept)
      await first.disconnect()
      using second = await connectClient(at, device, 'resumes', RESUMED)
      assert.deepEqual(await second.subscribe([{ topic: 'rh', rh: 1 }]), [2])
      await second.ping()
    })

    it('2 sends none [MQTT-3.3.1-11]', async () => {
      using reader = await connectClient(at, device, 'reader')
      assert.deepEqual(await reader.subscribe([{ topic: 'rh', rh: 2 }]), [2])
      await reader.ping()
      await reader.publish('rh', 'kept', { qos: 1, retain: true })
      assert.deepEqual(await reader.receive(), plain('rh', 'kept', { qos: 1 }))
    })

    it('3 is a protocol error', async () => {
      using reader = await connectClient(at, device, 'reader')
      reader.send(Buffer.from('82080001000002726830', 'hex'))
      assert.equal((await reader.expect('disconnect')).reasonCode, 0x82)
      await reader.closed
    })
  })

  it('are set by the last SUBSCRIBE with that filter [MQTT-3.8.4-3]', async () => {
    using reader = await connectClient(at, device, 'reader')
    const topic = 'replaced'
    assert.deepEqual(await reader.subscribe([{ topic, qos: 2, nl: true, rap: true }]), [2])
    assert.deepEqual(await reader.subscribe([{ topic, qos: 0, nl: false, rap: false }]), [0])
    await reader.publish(topic, 'x', { qos: 1, retain: true })
    assert.deepEqual(await reader.receive(), plain(topic, 'x'))
    assert.deepEqual(await reader.unsubscribe(topic), [0])
    await reader.publish(topic, 'y', { qos: 1 })
    await reader.ping()
  })

  it('work with mqtt.js', async () => {
    const [reader, writer] = await Promise.all([
      mqtt(at, device, { protocolVersion: 5 }),
      mqtt(at, device, { protocolVersion: 5 }),
    ])
    await writer.publishAsync('js', 'before', { qos: 1, retain: true })
    const messages = messagesOf(reader)
    await reader.subscribeAsync('js', { qos: 1, nl: true, rap: true, rh: 2 })
    await reader.publishAsync('js', 'own', { qos: 1 })
    await writer.publishAsync('js', 'after', { qos: 1, retain: true })
    const expected = { topic: 'js', payload: 'after', retain: true, qos: 1, dup: false }
    assert.deepEqual(await messages.next(), expected)
    await Promise.all([reader.endAsync(), writer.endAsync()])
  })
})
