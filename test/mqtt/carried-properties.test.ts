import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { IPublishPacket } from 'mqtt-packet'
import { temporaryFolder } from '../cli/program.ts'
import { mqtt } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain } from '../support/packet-client.ts'
import { nextPropertyBytes, publishBytes, userPropertyBytes } from '../support/publish-bytes.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'

const EVERY_PROPERTY = {
  payloadFormatIndicator: true,
  contentType: 'application/json; charset=utf-8',
  responseTopic: 'answers/to/me',
  correlationData: Buffer.from([0x00, 0xff, 0xc3, 0x28, 0x00]),
  userProperties: { unit: '°C', source: ['a', 'b'] },
} satisfies IPublishPacket['properties']

const ORDERED = userPropertyBytes(
  ['z', '1'],
  ['a', '2'],
  ['z', '3'],
  ['z', '1'],
  ['', ''],
  ['a', ''],
  ['', ''],
)

describe('the properties of a message [MQTT 5 §3.3.2.3]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  for (const qos of [0, 1, 2] as const)
    it(`all reach a subscriber unchanged, with QoS ${qos}`, async () => {
      const topic = `all/${qos}`
      using reader = await connectClient(at, device, `reader-${qos}`)
      using writer = await connectClient(at, device, `writer-${qos}`)
      assert.deepEqual(await reader.subscribe(topic), [2])
      const said = reader.receive()
      assert.equal(await writer.publish(topic, '{}', { qos, properties: EVERY_PROPERTY }), 0)
      assert.deepEqual(await said, plain(topic, '{}', { qos, properties: EVERY_PROPERTY }))
    })

  it('are absent for a subscriber where the publisher gives none', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('none')
    await writer.publish('none', 'x')
    const [publish, topic] = [Buffer.from([0x30, 8, 0, 4]), Buffer.from('none')]
    assert.deepEqual(
      await reader.nextBytes(),
      Buffer.concat([publish, topic, Buffer.from([0]), Buffer.from('x')]),
    )
  })

  it('are kept when they are empty or 0 [MQTT-3.3.2-4] [MQTT-3.3.2-16] [MQTT-3.3.2-20]', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('empty')
    const properties = {
      payloadFormatIndicator: false,
      contentType: '',
      correlationData: Buffer.alloc(0),
    }
    await writer.publish('empty', '', { properties })
    assert.deepEqual(await reader.receive(), plain('empty', '', { properties }))
  })

  it('include user properties in order, equal and empty ones too [MQTT-3.3.2-18]', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('ordered')
    writer.send(publishBytes({ topic: 'ordered', properties: ORDERED }))
    assert.deepEqual(await nextPropertyBytes(reader), ORDERED)
  })

  it('include user properties in order for a session and a retained message', async () => {
    const { disconnect, subscribe } = await connectClient(at, device, 'sleeper', SESSION)
    await subscribe('kept')
    await disconnect()
    using writer = await connectClient(at, device, 'writer')
    writer.send(publishBytes({ topic: 'kept', properties: ORDERED, retain: true }))
    await writer.expect('puback')

    using sleeper = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    assert.deepEqual(await nextPropertyBytes(sleeper), ORDERED)
    using late = await connectClient(at, device, 'late')
    assert.deepEqual(await lateProperties(late, 'kept'), ORDERED)
  })

  it('include at most a hundred user properties; one more is refused with 0x97', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('many')
    const many = Array.from({ length: 100 }, (_, index) => [`n${index % 7}`, `${index}`] as const)
    for (const [pairs, code] of [
      [[...many, ['one', 'more']], 0x97],
      [many, 0],
    ] as const) {
      writer.send(publishBytes({ topic: 'many', properties: userPropertyBytes(...pairs) }))
      assert.equal((await writer.expect('puback')).reasonCode, code)
    }
    assert.deepEqual(await nextPropertyBytes(reader), userPropertyBytes(...many))
  })

  it('are not sent to MQTT 3.1.1 clients, and absent from their messages', async () => {
    using old = await connectClient(at, device, 'old', { version: 4 })
    using now = await connectClient(at, device, 'new')
    await Promise.all([old.subscribe('mixed'), now.subscribe('mixed')])
    await now.publish('mixed', 'from 5', { properties: EVERY_PROPERTY })
    assert.deepEqual(await old.receive(), plain('mixed', 'from 5'))
    assert.deepEqual(await now.receive(), plain('mixed', 'from 5', { properties: EVERY_PROPERTY }))
    await old.publish('mixed', 'from 4')
    assert.deepEqual(await old.receive(), plain('mixed', 'from 4'))
    assert.deepEqual(await now.receive(), plain('mixed', 'from 4'))
  })

  it('reach mqtt.js as mqtt.js sent them', async () => {
    const [reader, writer] = await Promise.all([
      mqtt(at, device, { protocolVersion: 5 }),
      mqtt(at, device, { protocolVersion: 5 }),
    ])
    await reader.subscribeAsync('js', { qos: 2 })
    const packet = nextPacket(reader)
    await writer.publishAsync('js', '{}', { qos: 2, properties: EVERY_PROPERTY })
    const { properties = {} } = await packet
    const { userProperties: pairs, ...others } = properties
    assert.deepEqual({ ...others, userProperties: { ...pairs } }, EVERY_PROPERTY)
    await Promise.all([reader.endAsync(), writer.endAsync()])
  })
})

describe('the properties of a message, across a restart', () => {
  it('are kept for retained and queued messages', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    {
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('device.d.wott.local')
      const sleeper = await connectClient(at, device, 'sleeper', SESSION)
      await sleeper.subscribe('kept')
      await sleeper.disconnect()
      using writer = await connectClient(at, device, 'writer')
      writer.send(publishBytes({ topic: 'kept', properties: ORDERED, retain: true }))
      await writer.expect('puback')
      const properties = EVERY_PROPERTY
      await writer.publish('also/kept', '{}', { qos: 1, retain: true, properties })
    }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    using sleeper = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    assert.deepEqual(await nextPropertyBytes(sleeper), ORDERED)
    using late = await connectClient(at, device, 'late')
    assert.deepEqual(await lateProperties(late, 'kept'), ORDERED)
    assert.deepEqual(await late.subscribe('also/kept'), [2])
    const expected = { qos: 1, retain: true, properties: EVERY_PROPERTY } as const
    assert.deepEqual(await late.receive(), plain('also/kept', '{}', expected))
  })
})

describe('a payload that is marked as UTF-8 [MQTT 5 §3.3.2.3.2]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  const payload = Buffer.from([0x7b, 0xc3, 0x28])
  const properties = { payloadFormatIndicator: true }

  for (const [qos, answer] of [
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const)
    it(`is refused with 0x99 where it is not UTF-8, with QoS ${qos}`, async () => {
      using reader = await connectClient(at, device, 'reader')
      using writer = await connectClient(at, device, 'writer')
      await reader.subscribe('text')
      writer.send({
        cmd: 'publish',
        topic: 'text',
        payload,
        qos,
        dup: false,
        retain: false,
        messageId: 9,
        properties,
      })
      const { messageId, reasonCode } = await writer.expect(answer)
      assert.deepEqual([messageId, reasonCode], [9, 0x99])
      await writer.publish('text', 'fence')
      assert.deepEqual(await reader.receive(), plain('text', 'fence'))
    })

  it('ends the connection with 0x99 where it is not UTF-8, with QoS 0', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('text')
    writer.send({
      cmd: 'publish',
      topic: 'text',
      payload,
      qos: 0,
      dup: false,
      retain: false,
      properties,
    })
    assert.equal((await writer.expect('disconnect')).reasonCode, 0x99)
    await writer.closed
    await reader.ping()
  })

  it('may be any UTF-8 text; an unmarked one may be any bytes', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('text')
    await writer.publish('text', 'ü\u{1f321}\0', { qos: 1, properties })
    assert.deepEqual(await reader.receive(), plain('text', 'ü\u{1f321}\0', { qos: 1, properties }))
    writer.send({ cmd: 'publish', topic: 'text', payload, qos: 0, dup: false, retain: false })
    assert.deepEqual((await reader.expect('publish')).payload, payload)
  })
})

const SESSION = { properties: { sessionExpiryInterval: 3600 } }

function nextPacket(client: MqttClient): Promise<IPublishPacket> {
  return new Promise((resolve) =>
    client.once('message', (_topic, _payload, packet) => resolve(packet)),
  )
}

async function lateProperties(client: PacketClient, filter: string): Promise<Buffer> {
  assert.deepEqual(await client.subscribe(filter), [2])
  return nextPropertyBytes(client)
}
