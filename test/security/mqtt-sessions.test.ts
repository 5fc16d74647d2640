import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain, publishPacket } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'
import { textBytes, variableLength } from '../support/publish-bytes.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'

const ACL = 'pattern readwrite #\n'
const LASTING = { clean: false, properties: { sessionExpiryInterval: 3600 } }
const REFUSED = 'wott_store_limits_reached_total{limit="subscriptions"}'

describe('attacks with sessions', () => {
  let at: TestGateway
  let device: Credentials
  let other: Credentials

  before(async () => {
    at = await startGateway({ acl: ACL, settings: { publishRate: '0', receiveMaximum: '65535' } })
    device = await at.pki.issue('device.d.wott.local')
    other = await at.pki.issue('other.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  /** Sends a SUBSCRIBE with packet identifier 9; returns the reason codes. */
  async function subscribeTo(client: PacketClient, filters: readonly string[]): Promise<number[]> {
    client.send(subscribeBytes(filters))
    return (await client.expect('suback')).granted as number[]
  }

  describe('by subscriptions', () => {
    it('twenty thousand filters at once are limited to the maximum of a session, and the refusals are counted', async () => {
      using client = await connectClient(at, device, 'many')
      const before = (await at.metric(REFUSED)) ?? 0
      const codes = await subscribeTo(
        client,
        Array.from({ length: 20_000 }, (_, index) => `m/${index}`),
      )
      assert.deepEqual([codes.slice(0, 1000), codes.slice(1000)].map(onlyOne), [0, 0x97])
      assert.equal(await at.metric(REFUSED), before + 19_000)
      // it may change filters that it already has
      assert.deepEqual(await subscribeTo(client, ['m/0', 'm/1000']), [0, 0x97])
    })

    it('the same filter twenty thousand times counts as one', async () => {
      using client = await connectClient(at, device, 'same', LASTING)
      assert.equal(onlyOne(await subscribeTo(client, Array(20_000).fill('same'))), 0)
      await client.publish('same', 'x')
      assert.deepEqual(await client.receive(), plain('same', 'x'))
      await client.ping()
      const gone = await client.unsubscribe(...Array(20_000).fill('same'))
      assert.deepEqual([gone[0], onlyOne(gone.slice(1))], [0, 0x11])
    })

    it('filters of 64 KB count towards the limit of all sessions of a device', async () => {
      const before = (await at.metric(REFUSED)) ?? 0
      const filters = Array.from({ length: 600 }, (_, index) => `${index}/${'x'.repeat(65_000)}`)
      const granted: number[] = []
      const hoards: PacketClient[] = []
      for (const clientId of ['hoard1', 'hoard2']) {
        const client = await connectClient(at, device, clientId)
        hoards.push(client)
        for (let index = 0; index < filters.length; index += 3)
          granted.push(...(await subscribeTo(client, filters.slice(index, index + 3))))
      }
      const taken = granted.filter((code) => code === 0).length
      assert.ok(taken > 120 && taken < 140, `${taken}`)
      assert.equal(await at.metric(REFUSED), before + granted.length - taken)
      // sessions of another device have their own limit
      using elsewhere = await connectClient(at, other, 'hoard1')
      assert.deepEqual(await subscribeTo(elsewhere, filters.slice(0, 3)), [0, 0, 0])
      // the space is free again when sessions end
      for (const client of hoards) await client.disconnect()
      using again = await connectClient(at, device, 'again')
      assert.deepEqual(await subscribeTo(again, filters.slice(0, 3)), [0, 0, 0])
    })

    it('a thousand filters for one topic deliver one copy, and their identifiers count in the queue', async () => {
      const settings = { queueBytesPerDevice: '100KiB' }
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('device.d.wott.local')
      const sleeper = await connectClient(at, device, 'overlaps', LASTING)
      const levels = 'abcdefghij'.split('')
      const filters = Array.from({ length: 1000 }, (_, index) =>
        levels.map((level, bit) => ((index >> bit) & 1 ? '+' : level)).join('/'),
      )
      for (const [index, filter] of filters.entries())
        await sleeper.subscribe([{ topic: filter, qos: 1 }], 1_000_000 + index)
      await sleeper.disconnect()
      using writer = await connectClient(at, device, 'writer')
      for (let count = 0; count < 100; count++)
        await writer.publish(levels.join('/'), 'x', { qos: 1 })
      using awake = await connectClient(at, device, 'overlaps', LASTING)
      const dropped = 'wott_deliveries_dropped_total{door="mqtt",reason="total_bytes"}'
      const waiting = 100 - ((await at.metric(dropped)) ?? 0)
      assert.equal(waiting, 12)
      for (let count = 0; count < waiting; count++) {
        const { properties } = await awake.receive()
        assert.equal((properties.subscriptionIdentifier as unknown as number[]).length, 1000)
      }
      await awake.ping()
    })
  })

  describe('by shared subscriptions', () => {
    const groups = (count: number, from = 0) =>
      Array.from({ length: count }, (_, index) => `$share/g${from + index}/shared`)

    it('a device may have a thousand, so that a message has at most that many copies', async () => {
      using first = await connectClient(at, device, 'first')
      using second = await connectClient(at, device, 'second')
      using elsewhere = await connectClient(at, other, 'first')
      assert.equal(onlyOne(await subscribeTo(first, groups(900))), 0)
      const codes = await subscribeTo(second, groups(200, 900))
      assert.deepEqual([codes.slice(0, 100), codes.slice(100)].map(onlyOne), [0, 0x97])
      assert.deepEqual(await subscribeTo(elsewhere, groups(1, 5000)), [0])
      await first.unsubscribe(...groups(100))
      assert.equal(onlyOne(await subscribeTo(second, groups(100, 1000))), 0)
      await elsewhere.publish('shared', 'x')
      for (const [client, count] of [
        [first, 800],
        [second, 200],
        [elsewhere, 1],
      ] as const) {
        for (let copies = 0; copies < count; copies++)
          assert.deepEqual(await client.receive(), plain('shared', 'x'))
        await client.ping()
      }
    })

    it('joining and leaving ten thousand times leaves nothing behind', async () => {
      using client = await connectClient(at, device, 'churn')
      using reader = await connectClient(at, other, 'reader')
      await reader.subscribe('$share/g/churn')
      for (let count = 0; count < 100; count++) {
        const names = groups(100, count * 100)
        assert.equal(onlyOne(await subscribeTo(client, names)), 0)
        assert.equal(onlyOne(await client.unsubscribe(...names)), 0)
      }
      assert.equal(await reader.publish('shared', 'x', { qos: 1 }), 0x10)
      await reader.publish('churn', 'x')
      assert.deepEqual(await reader.receive(), plain('churn', 'x'))
    })

    it('members without the right to read do not cost other members a message', async () => {
      const acl = `user reader.d.wott.local
topic readwrite jobs
`
      await using at = await startGateway({ acl })
      const [reader, deaf] = await Promise.all([
        at.pki.issue('reader.d.wott.local'),
        at.pki.issue('deaf.d.wott.local'),
      ])
      using worker = await connectClient(at, reader, 'worker')
      await worker.subscribe([{ topic: '$share/workers/jobs', qos: 1 }])
      const members = await Promise.all(
        Array.from({ length: 50 }, (_, index) => connectClient(at, deaf, `deaf${index}`, LASTING)),
      )
      for (const member of members)
        await member.subscribe([{ topic: '$share/workers/jobs', qos: 1 }])
      for (let count = 0; count < 200; count++) {
        assert.equal(await worker.publish('jobs', `${count}`, { qos: 1 }), 0)
        assert.equal((await worker.receive()).payload, `${count}`)
      }
      for (const member of members) {
        await member.ping()
        member[Symbol.dispose]()
      }
    })
  })

  describe('by QoS 2 messages that are never released', () => {
    it('a device may have as many as one session has packet identifiers; one more disconnects it', async () => {
      const sample = 'wott_connections_cut_total{door="mqtt",reason="receive_maximum"}'
      const before = (await at.metric(sample)) ?? 0
      using first = await connectClient(at, device, 'first', LASTING)
      first.send(...Array.from({ length: 65_535 }, (_, index) => qos2(index + 1)))
      for (let count = 0; count < 65_535; count++) await first.expect('pubrec')
      using second = await connectClient(at, device, 'second', LASTING)
      second.send(qos2(1))
      assert.equal((await second.expect('disconnect')).reasonCode, 0x93)
      await second.closed
      assert.equal(await at.metric(sample), before + 1)
      using elsewhere = await connectClient(at, other, 'first', LASTING)
      assert.equal(await elsewhere.publish('a', 'x', { qos: 2 }), 0x10)
      // a released message makes room
      first.send({ cmd: 'pubrel', messageId: 5, reasonCode: 0 })
      await first.expect('pubcomp')
      using third = await connectClient(at, device, 'third', LASTING)
      assert.equal(await third.publish('a', 'x', { qos: 2 }), 0x10)
    })
  })

  describe('by taking over', () => {
    it('fifty connections with one client id at once leave one connection and its session', async () => {
      using witness = await connectClient(at, other, 'witness')
      await witness.subscribe('storm/#')
      const will = {
        topic: 'storm/last',
        payload: Buffer.from('x'),
        qos: 0,
        retain: false,
      } as const
      const storm = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const raw = await rawMqtt(at, device)
          raw.send(connectPacket({ protocolVersion: 5, clientId: 'storm', will, ...LASTING }))
          return raw
        }),
      )
      // each gets its CONNACK or is closed before it, and all but the last are closed
      const open = 'wott_connections{door="mqtt"}'
      await at.until(open, 2)
      await witness.publish('storm/fence', 'x')
      let wills = 0
      while ((await witness.receive()).topic !== 'storm/fence') wills += 1
      assert.ok(wills < 50, `${wills}`)
      for (const raw of storm) raw[Symbol.dispose]()
      await at.until(open, 1)
      using back = await connectClient(at, device, 'storm', LASTING)
      assert.equal(back.connack.sessionPresent, true)
    })

    it('a will that its own session reads is published once', async () => {
      const will = {
        topic: 'own/will',
        payload: Buffer.from('x'),
        qos: 1,
        retain: false,
      } as const
      const client = await connectClient(at, device, 'own', { will, ...LASTING })
      await client.subscribe([{ topic: 'own/#', qos: 1 }])
      await client.drop()
      using back = await connectClient(at, device, 'own', LASTING)
      assert.deepEqual(await back.receive(), plain('own/will', 'x', { qos: 1 }))
      await back.ping()
    })
  })
})

describe('attacks with sessions, on disk', () => {
  it('clients that disconnect before their SUBACK, PUBACK and PUBCOMP lose only these', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}`, publishRate: '0' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    for (let count = 0; count < 30; count++) {
      const client = await connectClient(at, device, `${count % 3}`, LASTING)
      client.send(
        subscribeBytes([`gone/${count}`, 'gone/all']),
        publishPacket('gone/all', 'x', { qos: 1, messageId: 1 }),
        qos2(2),
        { cmd: 'pubrel', messageId: 2, reasonCode: 0 },
        { cmd: 'unsubscribe', messageId: 3, unsubscriptions: [`gone/${count}`] },
      )
      // some are read, some are not
      if (count % 2) await client.next()
      await client.drop()
    }
    using client = await connectClient(at, device, 'after', LASTING)
    await client.subscribe([{ topic: 'after', qos: 1 }])
    assert.equal(await client.publish('after', 'x', { qos: 2 }), 0)
    assert.deepEqual(await client.receive(), plain('after', 'x', { qos: 1 }))
  })
})

/** The only value of a list. */
function onlyOne(values: readonly number[]): number | undefined {
  assert.equal(new Set(values).size, 1)
  return values[0]
}

function qos2(messageId: number): Buffer {
  return Buffer.from([0x34, 7, 0, 1, 0x61, messageId >> 8, messageId & 0xff, 0, 0x78])
}

function subscribeBytes(filters: readonly string[]): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 9, 0]),
    ...filters.flatMap((filter) => [textBytes(filter), Buffer.from([0])]),
  ])
  return Buffer.concat([Buffer.from([0x82]), variableLength(body.length), body])
}
