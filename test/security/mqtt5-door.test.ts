import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectClient, type PacketClient, plain, publishPacket } from '../support/packet-client.ts'
import {
  publishBytes,
  textBytes,
  userPropertyBytes,
  variableLength,
} from '../support/publish-bytes.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'

describe('attacks with features of MQTT 5', async () => {
  const { at, device } = await suiteGateway({ acl: ACL, settings: { publishRate: '0' } })

  async function cuts(reason: string): Promise<number> {
    return (await at.metric(`wott_connections_cut_total{door="mqtt",reason="${reason}"}`)) ?? 0
  }

  async function refused(qos: 0 | 1 | 2, result: string): Promise<number> {
    const sample = `wott_publishes_total{door="mqtt",qos="${qos}",result="${result}"}`
    return (await at.metric(sample)) ?? 0
  }

  /** Expects that the connection ends with this reason code and is counted as that, once. */
  async function isCutOff(client: PacketClient, reasonCode: number, reason: string) {
    const { reasonCode: told } = await client.expect('disconnect')
    assert.equal(told, reasonCode)
    await client.closed
    return cuts(reason)
  }

  describe('by topic aliases', () => {
    const long = (begin: string) => begin + 'x'.repeat(60_000)

    it('a hundred aliases for topics of 60,000 characters are not stored', async () => {
      const before = await cuts('topic_alias')
      using client = await connectClient(at, device, 'hoards')
      for (let topicAlias = 1; topicAlias <= 100; topicAlias++)
        client.send(publishPacket(long(`${topicAlias}`), '', { properties: { topicAlias } }))
      assert.equal(await isCutOff(client, 0x94, 'topic_alias'), before + 1)
    })

    it('only the last of many aliases for long topics is stored', async () => {
      using client = await connectClient(at, device, 'changes')
      await client.subscribe('after')
      for (let count = 0; count < 100; count++)
        client.send(publishPacket(long(`${count}`), '', { properties: { topicAlias: 1 } }))
      client.send(publishPacket('after', 'x', { properties: { topicAlias: 1 } }))
      client.send(publishPacket('', 'y', { properties: { topicAlias: 1 } }))
      assert.deepEqual(await client.receive(), plain('after', 'x'))
      assert.deepEqual(await client.receive(), plain('after', 'y'))
    })
  })

  describe('by properties', () => {
    const pairs = (count: number) =>
      userPropertyBytes(...Array.from({ length: count }, () => ['', ''] as const))

    it('a hundred user properties are accepted, and not one more', async () => {
      using client = await connectClient(at, device, 'many')
      const before = await refused(1, 'too_large')
      for (const [count, code] of [
        [100, 0x10],
        [101, 0x97],
        [10_000, 0x97],
        [40_000, 0x97],
      ] as const) {
        client.send(publishBytes({ topic: 'many', properties: pairs(count) }))
        assert.equal((await client.expect('puback')).reasonCode, code, `${count}`)
      }
      assert.equal(await refused(1, 'too_large'), before + 3)
    })

    it('64 KiB of user properties are accepted, and no more', async () => {
      using client = await connectClient(at, device, 'large')
      const before = await refused(1, 'too_large')
      const value = 'x'.repeat(65_000)
      for (const [bytes, code] of [
        [65_535 - 5 - value.length, 0x10],
        [65_536 - 5 - value.length, 0x97],
        [65_000, 0x97],
      ] as const) {
        const properties = userPropertyBytes(['x'.repeat(bytes), value])
        client.send(publishBytes({ topic: 'large', properties }))
        assert.equal((await client.expect('puback')).reasonCode, code, `${bytes}`)
      }
      assert.equal(await refused(1, 'too_large'), before + 2)
    })

    it('64 KiB of user properties in packets that ignore them have no effect', async () => {
      using client = await connectClient(at, device, 'odd')
      const properties = userPropertyBytes(...Array(13_000).fill(['', '']))
      const withProperties = (first: number, begin: number[], end: Buffer = Buffer.alloc(0)) => {
        const length = variableLength(properties.length)
        const body = Buffer.concat([Buffer.from(begin), length, properties, end])
        return Buffer.concat([Buffer.from([first]), variableLength(body.length), body])
      }
      const filter = Buffer.concat([textBytes('odd'), Buffer.from([0])])
      client.send(withProperties(0x82, [0, 1], filter))
      assert.deepEqual((await client.expect('suback')).granted, [0])
      client.send(withProperties(0xa2, [0, 2], textBytes('odd')))
      assert.deepEqual((await client.expect('unsuback')).granted, [0])
      for (const first of [0x40, 0x70]) client.send(withProperties(first, [0, 3, 0]))
      client.send(withProperties(0x62, [0, 4, 0]))
      assert.equal((await client.expect('pubcomp')).reasonCode, 0x92)
      client.send(withProperties(0x50, [0, 5, 0]))
      assert.equal((await client.expect('pubrel')).reasonCode, 0x92)
      client.send(withProperties(0xe0, [0]))
      await client.closed
    })

    it('user properties in CONNECT are read up to 16 KiB', async () => {
      const before = await cuts('packet_size')
      using client = await rawMqtt(at, device)
      const userProperties = { name: Array(2000).fill('value') }
      client.send(connectPacket({ protocolVersion: 5, properties: { userProperties } }))
      await client.closed
      assert.equal(await cuts('packet_size'), before + 1)
    })
  })

  describe('by a Maximum Packet Size of a few bytes', () => {
    for (let size = 1; size <= 30; size++)
      it(`${size}: no packet is larger [MQTT-3.1.2-24]`, async () => {
        using client = await rawMqtt(at, device, 5)
        const got: Buffer[] = []
        const all = (async () => {
          for (;;) got.push(await client.nextBytes())
        })().catch(() => {})
        const properties = { maximumPacketSize: size, receiveMaximum: 10 }
        client.send(
          connectPacket({ protocolVersion: 5, clientId: 'small', properties }),
          { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'small/#', qos: 2 }] },
          publishPacket('small/topic', 'x'.repeat(20), { qos: 2, messageId: 1 }),
          { cmd: 'pubrel', messageId: 1, reasonCode: 0 },
          { cmd: 'pubrel', messageId: 2, reasonCode: 0 },
          publishPacket('small/topic', 'x'.repeat(20), { qos: 0 }),
          { cmd: 'pingreq' },
          { cmd: 'unsubscribe', messageId: 3, unsubscriptions: Array(20).fill('small/none') },
          // which ends the connection, if nothing has
          { cmd: 'pingresp' },
        )
        await client.closed
        await all
        for (const bytes of got) assert.ok(bytes.length <= size, bytes.toString('hex'))
        // an answer that does not fit is a reason to end, not to be silent
        if (got[0]?.[0] === 0x20 && got[0][3] === 0) assert.equal(got.at(-1)?.[0], 0xe0)
      })

    it('ends the connection with 0x95 if an answer is larger', async () => {
      const before = await cuts('packet_size')
      using client = await connectClient(at, device, 'small', {
        properties: { maximumPacketSize: 30 },
      })
      const subscriptions = Array.from({ length: 30 }, (_, index) => ({
        topic: `small/${index}`,
        qos: 0 as const,
        nl: false,
        rap: false,
        rh: 0 as const,
      }))
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
      assert.equal(await isCutOff(client, 0x95, 'packet_size'), before + 1)
    })
  })

  describe('by a Receive Maximum of 1 and a long queue', () => {
    it('one message at a time is sent, in order, and other clients are served', async () => {
      const properties = { receiveMaximum: 1, sessionExpiryInterval: 3600 }
      using reader = await connectClient(at, device, 'one-by-one', { properties })
      using writer = await connectClient(at, device, 'writer')
      await reader.subscribe([{ topic: 'queue', qos: 1 }])
      for (let count = 0; count < 500; count++)
        await writer.publish('queue', `${count}`, { qos: 1 })
      for (let count = 0; count < 500; count++) {
        assert.equal((await reader.receive()).payload, `${count}`)
        if (count % 100 === 0) await writer.ping()
      }
      await reader.ping()
    })
  })

  describe('by unsolicited authentication', () => {
    it('a method in CONNECT is refused with 0x8C, AUTH ends the connection with 0x82', async () => {
      const before = await cuts('protocol_error')
      using client = await rawMqtt(at, device)
      const properties = {
        authenticationMethod: 'SCRAM-SHA-1',
        authenticationData: Buffer.alloc(4096),
      }
      client.send(connectPacket({ protocolVersion: 5, properties }))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.reasonCode, 0x8c)
      await client.closed
      using second = await connectClient(at, device, 'auth')
      second.send({ cmd: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'x' } })
      assert.equal(await isCutOff(second, 0x82, 'protocol_error'), before + 2)
    })
  })
})
