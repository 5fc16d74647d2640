import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import type { Delivery } from '../../src/broker/delivery.ts'
import type { Client } from '../../src/mqtt/client.ts'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { createToPacket } from '../../src/mqtt/message-packet.ts'
import { createSharedFrames } from '../../src/mqtt/shared-frames.ts'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain, publishPacket } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'
import { bodyOf } from './wire.ts'

const ACL = `user device.d.wott.local
topic readwrite #
topic deny forbidden/#
`
const MOST = 10

describe('topic aliases of a client [MQTT 5 §3.3.2.3.4]', async () => {
  const { at, device } = await suiteGateway({
    acl: ACL,
    settings: { topicAliasMaximum: `${MOST}` },
  })

  function aliased(topic: string, topicAlias: number, more: Partial<IPublishPacket> = {}) {
    return publishPacket(topic, 'x', { ...more, properties: { topicAlias } })
  }

  async function readerOf(filter: string): Promise<PacketClient> {
    const reader = await connectClient(at, device, 'reader')
    await reader.subscribe(filter)
    return reader
  }

  it('are bounded by CONNACK', async () => {
    using client = await connectClient(at, device, 'client')
    assert.equal(client.connack.properties?.topicAliasMaximum, MOST)
  })

  for (const qos of [0, 1, 2] as const)
    it(`stand for their topic, and are not sent to subscribers, with QoS ${qos}`, async () => {
      using reader = await readerOf(`stand/${qos}`)
      using writer = await connectClient(at, device, 'writer')
      await writer.publish(`stand/${qos}`, 'first', { qos, properties: { topicAlias: MOST } })
      await writer.publish('', 'second', { qos, properties: { topicAlias: MOST } })
      assert.deepEqual(await reader.receive(), plain(`stand/${qos}`, 'first', { qos }))
      assert.deepEqual(await reader.receive(), plain(`stand/${qos}`, 'second', { qos }))
    })

  it('can be set to another topic', async () => {
    using reader = await readerOf('again/+')
    using writer = await connectClient(at, device, 'writer')
    writer.send(aliased('again/a', 1), aliased('', 1), aliased('again/b', 1), aliased('', 1))
    for (const topic of ['again/a', 'again/a', 'again/b', 'again/b'])
      assert.deepEqual(await reader.receive(), plain(topic, 'x'))
  })

  it('can share one topic', async () => {
    using reader = await readerOf('several')
    using writer = await connectClient(at, device, 'writer')
    writer.send(aliased('several', 1), aliased('several', 2), aliased('', 1), aliased('', 2))
    for (let count = 0; count < 4; count++)
      assert.deepEqual(await reader.receive(), plain('several', 'x'))
  })

  it('are also set by a message that is refused', async () => {
    using writer = await connectClient(at, device, 'writer')
    for (const topic of ['forbidden/x', '']) {
      const properties = { topicAlias: 3 }
      assert.equal(await writer.publish(topic, 'x', { qos: 1, properties }), 0x87)
    }
  })

  it('can set and clear the retained message of their topic', async () => {
    using writer = await connectClient(at, device, 'writer')
    const more = { qos: 1, retain: true, properties: { topicAlias: 1 } } as const
    await writer.publish('kept', 'old', more)
    await writer.publish('', 'new', more)
    using reader = await readerOf('kept')
    assert.deepEqual(await reader.receive(), plain('kept', 'new', { qos: 1, retain: true }))
  })

  for (const [what, packet, reason] of [
    ['0', aliased('a', 0), 0x94],
    ['0 without a topic', aliased('', 0), 0x94],
    [`above ${MOST}`, aliased('a', MOST + 1), 0x94],
    ['65,535', aliased('a', 65_535), 0x94],
    ['that was never set', aliased('', 2), 0x82],
  ] as const)
    it(`${what} ends the connection with 0x${reason.toString(16)} [MQTT-3.3.2-8] [MQTT-3.3.2-9]`, async () => {
      using writer = await connectClient(at, device, 'writer')
      writer.send(aliased('a', 1), packet)
      assert.equal((await writer.expect('disconnect')).reasonCode, reason)
      await writer.closed
    })

  it('are a protocol error to leave out without a topic [MQTT 5 §3.3.2.1]', async () => {
    using writer = await connectClient(at, device, 'writer')
    writer.send(publishPacket('', 'x'))
    assert.equal((await writer.expect('disconnect')).reasonCode, 0x82)
    await writer.closed
  })

  it('end with the connection, not with the session [MQTT-3.3.2-7]', async () => {
    const session = { properties: { sessionExpiryInterval: 3600 } }
    const first = await connectClient(at, device, 'writer', session)
    first.send(aliased('a', 1))
    await first.disconnect()
    using second = await connectClient(at, device, 'writer', { ...session, clean: false })
    using other = await connectClient(at, device, 'other')
    other.send(aliased('b', 1))
    await other.ping()
    second.send(aliased('', 1))
    assert.equal((await second.expect('disconnect')).reasonCode, 0x82)
  })

  it('can be used by mqtt.js, which sets them itself', async () => {
    const [reader, writer] = await Promise.all([
      mqtt(at, device, { protocolVersion: 5 }),
      mqtt(at, device, { protocolVersion: 5, autoAssignTopicAlias: true }),
    ])
    const messages = messagesOf(reader)
    await reader.subscribeAsync('js/#', { qos: 1 })
    // more topics than aliases, so that mqtt.js has to set aliases again
    const topics = Array.from({ length: 3 * MOST }, (_, index) => `js/${index % (MOST + 3)}`)
    for (const topic of topics) await writer.publishAsync(topic, topic, { qos: 1 })
    for (const topic of topics) {
      const expected = { topic, payload: topic, retain: false, qos: 1, dup: false }
      assert.deepEqual(await messages.next(), expected)
    }
    await Promise.all([reader.endAsync(), writer.endAsync()])
  })
})

describe('topic aliases of the gateway', () => {
  it('are only used with a setting, however many the client allows', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    using client = await connectClient(at, device, 'client', {
      properties: { topicAliasMaximum: 10 },
    })
    await client.subscribe('a/topic')
    for (let count = 0; count < 3; count++) {
      await client.publish('a/topic', 'x')
      assert.deepEqual(await client.receive(), plain('a/topic', 'x'))
    }
  })

  it('are bounded by client and setting, and set before they are used', async () => {
    await using at = await startGateway({ acl: ACL, settings: { topicAliasesOut: '2' } })
    const device = await at.pki.issue('device.d.wott.local')
    using client = await connectClient(at, device, 'client', {
      properties: { topicAliasMaximum: 10 },
    })
    using plainly = await connectClient(at, device, 'plainly')
    await client.subscribe('out/+')
    await plainly.subscribe('out/+')
    const got: [string, number | undefined][] = []
    for (const topic of ['out/a', 'out/a', 'out/b', 'out/c', 'out/b', 'out/a']) {
      await plainly.publish(topic, 'x')
      const { topic: sent, properties } = await client.receive()
      got.push([sent, properties.topicAlias])
      assert.deepEqual(await plainly.receive(), plain(topic, 'x'))
    }
    const known = new Map<number, string>()
    const topics = got.map(([topic, alias]) => {
      if (alias === undefined) return topic
      assert.ok(alias >= 1 && alias <= 2, `${alias}`)
      if (topic !== '') known.set(alias, topic)
      return known.get(alias)
    })
    assert.deepEqual(topics, ['out/a', 'out/a', 'out/b', 'out/c', 'out/b', 'out/a'])
    assert.deepEqual(got[1], ['', got[0]?.[1]])
  })

  it('are not set by a message that is too large for the client', async () => {
    await using at = await startGateway({ acl: ACL, settings: { topicAliasesOut: '2' } })
    const device = await at.pki.issue('device.d.wott.local')
    using client = await connectClient(at, device, 'client', {
      properties: { topicAliasMaximum: 10, maximumPacketSize: 100 },
    })
    await client.subscribe([{ topic: 'out/+', qos: 1 }])
    using writer = await connectClient(at, device, 'writer')
    for (const qos of [0, 1] as const) {
      const topic = `out/${qos}`
      await writer.publish(topic, 'x'.repeat(100), { qos })
      await writer.publish(topic, 'small', { qos })
      const { topic: sent, payload } = await client.receive()
      assert.deepEqual([sent, payload], [topic, 'small'])
    }
  })

  it('are not set by a message that waits for the disk, as later ones may overtake it', () => {
    const terms = { version: 5, topicAliases: 10, maximumPacketSize: Number.POSITIVE_INFINITY }
    const client = { terms, session: { isStored: true } } as Client
    const toPacket = createToPacket(client, createSharedFrames(Date.now))
    const message = { topic: 'out/a', payload: Buffer.from('x'), properties: null, expires: null }
    for (const [qos, alias] of [
      [2, 0],
      [1, 0],
      [0, 1],
    ] as const) {
      const bytes = toPacket(message as Delivery, qos, false, false, 1, null)
      const packet = decodePacket(bytes[0] as number, bodyOf(bytes), 5)
      assert.partialDeepStrictEqual(packet, { topic: 'out/a', topicAlias: alias })
    }
  })
})
