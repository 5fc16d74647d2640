import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { connectClient, plain, publishPacket } from '../support/packet-client.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = `user device.d.wott.local
topic readwrite open/#
topic read mine/#
`
const VERSIONS = [
  { name: 'MQTT 3.1.1', version: 4, terms: { protocolId: 'MQTT' } },
  { name: 'MQTT 3.1', version: 3, terms: { protocolId: 'MQIsdp' } },
] as const

for (const { name, version, terms } of VERSIONS)
  describe(`${name}, byte by byte`, async () => {
    const connecting = { version, ...terms } as const
    const { at, device } = await suiteGateway({ acl: ACL })

    it('has only a flag and a return code in CONNACK', async () => {
      using client = await rawMqtt(at, device)
      client.send(connectPacket({ protocolVersion: version, ...terms }))
      assert.equal((await client.nextBytes()).toString('hex'), '20020000')
    })

    it('has session present in CONNACK where the version knows the flag', async () => {
      const more = { ...connecting, clean: false }
      await (await connectClient(at, device, 'present', more)).disconnect()
      using client = await rawMqtt(at, device)
      client.send(
        connectPacket({ protocolVersion: version, ...terms, clean: false, clientId: 'present' }),
      )
      assert.equal(
        (await client.nextBytes()).toString('hex'),
        version === 4 ? '20020100' : '20020000',
      )
    })

    it('acknowledges and drops a denied publish, and keeps the connection', async () => {
      using client = await connectClient(at, device, 'client', connecting)
      using reader = await connectClient(at, device, 'reader')
      await reader.subscribe('#')
      client.send(publishPacket('mine/x', 'x'))
      client.send(publishPacket('mine/x', 'x', { qos: 1, messageId: 0x0102 }))
      assert.equal((await client.nextBytes()).toString('hex'), '40020102')
      client.send(publishPacket('mine/x', 'x', { qos: 2, messageId: 0x0103 }))
      assert.equal((await client.nextBytes()).toString('hex'), '50020103')
      client.send({ cmd: 'pubrel', messageId: 0x0103 })
      assert.equal((await client.nextBytes()).toString('hex'), '70020103')
      client.send(publishPacket('open/x', 'fence', { qos: 1, messageId: 0x0102 }))
      assert.equal((await client.nextBytes()).toString('hex'), '40020102')
      assert.deepEqual(await reader.receive(), plain('open/x', 'fence', { qos: 1 }))
    })

    it('has the same PUBACK with and without subscribers', async () => {
      using client = await connectClient(at, device, 'client', connecting)
      client.send(publishPacket('open/nobody', 'x', { qos: 1, messageId: 1 }))
      assert.equal((await client.nextBytes()).toString('hex'), '40020001')
    })

    it('has no properties in SUBACK and UNSUBACK, and no codes in UNSUBACK', async () => {
      using client = await connectClient(at, device, 'client', connecting)
      const subscriptions = [
        { topic: 'open/a', qos: 2 } as const,
        { topic: 'open/b', qos: 0 } as const,
      ]
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
      assert.equal((await client.nextBytes()).toString('hex'), '900400010200')
      client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['open/a', 'open/never'] })
      assert.equal((await client.nextBytes()).toString('hex'), 'b0020002')
    })

    it('delivers a message of MQTT 5 without its properties', async () => {
      using client = await connectClient(at, device, 'client', connecting)
      using writer = await connectClient(at, device, 'writer')
      await client.subscribe([{ topic: 'open/a', qos: 1 }])
      const properties = {
        contentType: 'text/plain',
        messageExpiryInterval: 60,
        userProperties: { a: 'b' },
      }
      await writer.publish('open/a', 'xyz', { qos: 0, properties })
      const topic = Buffer.from('open/a').toString('hex')
      assert.equal((await client.nextBytes()).toString('hex'), `300b0006${topic}78797a`)
      await writer.publish('open/a', 'xyz', { qos: 1, properties })
      const bytes = await client.nextBytes()
      assert.equal(bytes.toString('hex'), `320d0006${topic}${bytes.toString('hex', 10, 12)}78797a`)
    })

    it("delivers a client's own messages to it, with RETAIN cleared", async () => {
      using client = await connectClient(at, device, 'client', connecting)
      await client.subscribe([{ topic: 'open/own', qos: 0 }])
      await client.publish('open/own', 'x', { retain: true })
      assert.deepEqual(await client.receive(), plain('open/own', 'x'))
    })

    it('ends a connection without DISCONNECT from the gateway', async () => {
      using taken = await connectClient(at, device, 'taken', connecting)
      using _by = await connectClient(at, device, 'taken', connecting)
      await assert.rejects(taken.next(), /closed/)

      using silent = await connectClient(at, device, 'silent', { ...connecting, keepalive: 1 })
      await assert.rejects(silent.next(), /closed/)

      using twice = await connectClient(at, device, 'twice', connecting)
      twice.send(connectPacket({ protocolVersion: version, ...terms, clientId: 'twice' }))
      await assert.rejects(twice.next(), /closed/)

      using wrong = await connectClient(at, device, 'wrong', connecting)
      wrong.send(Buffer.from('360500016100' + '01', 'hex'))
      await assert.rejects(wrong.next(), /closed/)

      // MQTT 5 would send a DISCONNECT, whose bytes mean something else here
      using alias = await connectClient(at, device, 'no-topic', connecting)
      alias.send(Buffer.from('30030000' + '78', 'hex'))
      await assert.rejects(alias.next(), /closed/)
    })

    it('drops a clean session, and keeps a persistent one', async () => {
      const kept = await connectClient(at, device, 'kept', { ...connecting, clean: false })
      await kept.subscribe([{ topic: 'open/kept', qos: 1 }])
      await kept.disconnect()
      using writer = await connectClient(at, device, 'writer')
      await writer.publish('open/kept', 'x', { qos: 1 })
      const back = await connectClient(at, device, 'kept', { ...connecting, clean: false })
      assert.deepEqual(await back.receive(), plain('open/kept', 'x', { qos: 1 }))
      await back.disconnect()
      await (await connectClient(at, device, 'kept', { ...connecting, clean: true })).disconnect()
      using after = await connectClient(at, device, 'kept', { ...connecting, clean: false })
      assert.equal(after.connack.sessionPresent, false)
    })
  })

describe('an empty client id of MQTT 3.1.1', () => {
  it('is accepted with a clean session, refused with 2 otherwise [MQTT-3.1.3-8]', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    for (const [flags, answer] of [
      ['02', '20020000'],
      ['00', '20020002'],
    ] as const) {
      using client = await rawMqtt(at, device)
      client.send(Buffer.from(`100c00044d51545404${flags}00000000`, 'hex'))
      assert.equal((await client.nextBytes()).toString('hex'), answer)
    }
  })

  it('is refused with return code 1 with an unknown version [MQTT-3.1.2-2]', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    using client = await rawMqtt(at, device)
    client.send(Buffer.from('100d00044d51545402020000' + '000178', 'hex'))
    assert.equal((await client.nextBytes()).toString('hex'), '20020001')
    await client.closed
  })
})
