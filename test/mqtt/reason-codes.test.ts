import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain, publishPacket } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = `user device.d.wott.local
topic readwrite open/#
topic read mine/#
`

describe('reason codes of acknowledgements [MQTT 5 §2.4]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  for (const qos of [1, 2] as const) {
    const acknowledgement = qos === 1 ? 'PUBACK' : 'PUBREC'

    it(`${acknowledgement} 0x10: no client subscribes (the gateway itself does not count)`, async () => {
      using client = await connectClient(at, device, 'client')
      assert.equal(await client.publish('open/nobody', 'x', { qos }), 0x10)
      await client.subscribe('open/+')
      assert.equal(await client.publish('open/somebody', 'x', { qos }), 0)
      assert.equal((await client.receive()).payload, 'x')
      await client.unsubscribe('open/+')
      assert.equal(await client.publish('open/nobody', 'x', { qos }), 0x10)
    })

    it(`${acknowledgement} 0: an absent session subscribes`, async () => {
      const properties = { sessionExpiryInterval: 3600 }
      const sleeper = await connectClient(at, device, `sleeper-${qos}`, { properties })
      await sleeper.subscribe(`open/asleep/${qos}`)
      await sleeper.disconnect()
      using client = await connectClient(at, device, 'client')
      assert.equal(await client.publish(`open/asleep/${qos}`, 'x', { qos }), 0)
    })

    it(`${acknowledgement} 0x87: the rules deny it, and its packet identifier is free again`, async () => {
      using client = await connectClient(at, device, 'client')
      using reader = await connectClient(at, device, 'reader')
      await reader.subscribe([{ topic: '#' }])
      for (let round = 0; round < 2; round++)
        assert.equal(await client.publish('mine/x', 'x', { qos, messageId: 5 }), 0x87)
      assert.equal(await client.publish('open/x', 'fence', { qos, messageId: 5 }), 0)
      assert.deepEqual(await reader.receive(), plain('open/x', 'fence', { qos }))
    })
  }

  it('none for a denied QoS 0 message, which is dropped while the connection stays', async () => {
    using client = await connectClient(at, device, 'client')
    await client.subscribe('#')
    await client.publish('mine/x', 'x')
    await client.publish('open/x', 'fence')
    assert.deepEqual(await client.receive(), plain('open/x', 'fence'))
  })

  it('PUBCOMP 0x92 and PUBREL 0x92: no such packet identifier [MQTT-4.3.3]', async () => {
    using client = await connectClient(at, device, 'client')
    client.send({ cmd: 'pubrel', messageId: 77, reasonCode: 0 })
    const pubcomp = await client.expect('pubcomp')
    assert.deepEqual([pubcomp.messageId, pubcomp.reasonCode], [77, 0x92])
    client.send({ cmd: 'pubrec', messageId: 78, reasonCode: 0 })
    const pubrel = await client.expect('pubrel')
    assert.deepEqual([pubrel.messageId, pubrel.reasonCode], [78, 0x92])
    // PUBACK and PUBCOMP have no answer
    client.send({ cmd: 'puback', messageId: 79, reasonCode: 0 })
    client.send({ cmd: 'pubcomp', messageId: 80, reasonCode: 0 })
    await client.ping()
  })

  it('SUBACK: one for each filter, in order [MQTT-3.9.3-1]', async () => {
    using client = await connectClient(at, device, 'client')
    const subscriptions = [
      ...([2, 0, 1] as const).map((qos) => ({ topic: `open/${qos}`, qos })),
      // the same filter again replaces the first [MQTT-3.8.4-3]
      { topic: 'open/2', qos: 1 } as const,
    ]
    assert.deepEqual(await client.subscribe(subscriptions), [2, 0, 1, 1])
    await client.publish('open/2', 'x', { qos: 2 })
    assert.equal((await client.receive()).qos, 1)
  })

  it('SUBACK 0x8F: the filter is not valid, and the others are granted', async () => {
    using client = await connectClient(at, device, 'client')
    const filters = ['open/x#', 'open/#/x', 'open/+x', 'open/y']
    const subscriptions = filters.map((topic) => ({ topic }))
    assert.deepEqual(await client.subscribe(subscriptions), [0x8f, 0x8f, 0x8f, 2])
    await client.publish('open/x', 'x')
    await client.publish('open/y', 'y')
    assert.deepEqual(await client.receive(), plain('open/y', 'y'))
  })

  it('UNSUBACK 0x11: there is no such subscription, or no longer [MQTT-3.10.4-6]', async () => {
    using client = await connectClient(at, device, 'client')
    await client.subscribe([{ topic: 'open/a' }, { topic: 'open/#' }])
    const filters = ['open/a', 'open/a', 'open/+', 'open/#']
    assert.deepEqual(await client.unsubscribe(...filters), [0, 0x11, 0x11, 0])
  })

  describe('SUBACK where no rule can match the filter', () => {
    it('grants, as Mosquitto does', async () => {
      using client = await connectClient(at, device, 'client')
      assert.deepEqual(await client.subscribe('other/#'), [2])
    })

    it('0x87 where a setting asks for that', async () => {
      await using checks = await startGateway({ acl: ACL, settings: { subscribe: 'check' } })
      const who = await checks.pki.issue('device.d.wott.local')
      using client = await connectClient(checks, who, 'client')
      const subscriptions = [{ topic: 'open/#' }, { topic: 'other/#' }, { topic: '$share/g/other' }]
      assert.deepEqual(await client.subscribe(subscriptions), [2, 0x87, 0x87])
      for (const requestProblemInformation of [true, false]) {
        const properties = { requestProblemInformation }
        using asking = await connectClient(checks, who, 'asking', { properties })
        asking.send({
          cmd: 'subscribe',
          messageId: 1,
          subscriptions: [{ topic: 'other/#', qos: 0 }],
        })
        // [MQTT-3.1.2-29]
        assert.equal(
          (await asking.expect('suback')).properties?.reasonString,
          requestProblemInformation
            ? 'The ACL file does not allow the device to receive anything that matches a filter.'
            : undefined,
        )
      }
      using old = await connectClient(checks, who, 'old', { version: 4 })
      assert.deepEqual(await old.subscribe(subscriptions), [2, 0x80, 0x80])
    })
  })

  describe('reason strings and user properties', () => {
    /** The reason string and user properties of each packet that may have them. */
    async function explanations(client: PacketClient): Promise<unknown[]> {
      client.send(publishPacket('mine/x', 'x', { qos: 1, messageId: 1 }))
      const puback = await client.expect('puback')
      client.send(publishPacket('mine/x', 'x', { qos: 2, messageId: 2 }))
      const pubrec = await client.expect('pubrec')
      client.send({ cmd: 'pubrel', messageId: 3, reasonCode: 0 })
      const pubcomp = await client.expect('pubcomp')
      client.send({ cmd: 'subscribe', messageId: 4, subscriptions: [{ topic: 'other', qos: 0 }] })
      const suback = await client.expect('suback')
      client.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['never'] })
      const unsuback = await client.expect('unsuback')
      return [puback, pubrec, pubcomp, suback, unsuback].map(({ properties }) => properties)
    }

    it('are absent where the client does not request them [MQTT-3.1.2-29]', async () => {
      const properties = { requestProblemInformation: false }
      using client = await connectClient(at, device, 'client', { properties })
      assert.deepEqual(await explanations(client), Array(5).fill(undefined))
    })

    it('do not reveal lines or the path of the ACL file', async () => {
      using client = await connectClient(at, device, 'client')
      for (const properties of await explanations(client))
        assert.doesNotMatch(JSON.stringify(properties ?? {}), /line|permission\.acl|tmp/)
    })
  })
})
