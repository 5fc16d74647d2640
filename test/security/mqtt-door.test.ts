import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'

const ACL = `user alice.d.wott.local
topic readwrite #
topic deny forbidden/#
topic readwrite $SYS/#
user bob.d.wott.local
topic readwrite #
pattern readwrite clients/%c/#
user carol.d.wott.local
topic read nothing
`

const MAX_PAYLOAD = 4096

describe('attacks on the mqtt door', () => {
  let at: TestGateway
  let alice: Credentials
  let bob: Credentials
  let carol: Credentials

  before(async () => {
    at = await startGateway({
      acl: ACL,
      settings: { maxPayload: String(MAX_PAYLOAD), connectTimeout: '1', packetTimeout: '1' },
    })
    ;[alice, bob, carol] = await Promise.all([
      at.pki.issue('alice.d.wott.local'),
      at.pki.issue('bob.d.wott.local'),
      at.pki.issue('carol.d.wott.local'),
    ])
  })
  after(() => at[Symbol.asyncDispose]())

  /** Sends bytes on a new connection, after CONNECT unless they are a CONNECT, and expects the connection to end. */
  async function isCutOff(bytes: Buffer | Packet, connected = true): Promise<void> {
    using raw = connected ? await rawConnected(at, alice) : await rawMqtt(at, alice)
    raw.send(bytes)
    await raw.closed
  }

  /** A PUBLISH with these bytes as its topic, which no library would send. */
  function publishTo(topic: Buffer): Buffer {
    const length = Buffer.from([topic.length >> 8, topic.length & 0xff])
    return Buffer.concat([Buffer.from([0x30, topic.length + 3]), length, topic, Buffer.from('1')])
  }

  describe('by size and time', () => {
    it('a CONNECT over 16 KiB ends the connection at its header', () =>
      isCutOff(Buffer.from([0x10, 0xff, 0xff, 0x01]), false))

    it('a PUBLISH above the largest packet ends the connection at its header', () =>
      isCutOff(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])))

    it('a remaining length of five bytes ends the connection', () =>
      isCutOff(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])))

    it('a payload above the limit is acknowledged, dropped and counted', async () => {
      using raw = await rawConnected(at, alice, { clientId: 'large' })
      const payload = Buffer.alloc(MAX_PAYLOAD + 1)
      raw.send(publish('large', { payload, qos: 1, messageId: 7 }))
      assert.deepEqual(pick(await raw.next(), 'cmd', 'messageId'), { cmd: 'puback', messageId: 7 })
      const counted = 'wott_publishes_total{door="mqtt",qos="1",result="too_large"}'
      assert.equal(await at.metric(counted), 1)
    })

    it('a connection that never sends CONNECT is ended', async () => {
      using raw = await rawMqtt(at, alice)
      await raw.closed
    })

    it('a packet that never ends closes the connection, also if it comes slowly', async () => {
      using raw = await rawConnected(at, alice, { clientId: 'trickle' })
      raw.send(Buffer.from([0x30, 100]))
      const trickle = setInterval(() => raw.send(Buffer.from([0])), 200)
      await raw.closed.finally(() => clearInterval(trickle))
    })

    it('each of these bounds is counted', async () => {
      for (const reason of ['packet_size', 'packet_timeout', 'connect_timeout']) {
        const count = `wott_connections_cut_total{door="mqtt",reason="${reason}"}`
        assert.ok(((await at.metric(count)) ?? 0) > 0, reason)
      }
    })

    it('a client that breaks its keep-alive is ended', async () => {
      using raw = await rawConnected(at, alice, { clientId: 'quiet', keepalive: 1 })
      await raw.closed
    })

    it('a subscriber that reads nothing is disconnected, also with QoS 0', async () => {
      const settings = { clientBuffer: '16KiB', streamStall: '1', publishRate: '0' }
      await using short = await startGateway({ acl: ACL, settings })
      const device = await short.pki.issue('alice.d.wott.local')
      using raw = await rawConnected(short, device)
      raw.send(subscribe(1, ['flood', 0]))
      await raw.next()
      raw.socket.pause()
      const publisher = await mqtt(short, device)
      const payload = Buffer.alloc(64 * 1024)
      const open = () => short.metric('wott_connections{door="mqtt"}')
      assert.equal(await open(), 2)
      // it notices the end of its connection only when it reads
      while ((await open()) !== 1) await publisher.publishAsync('flood', payload, { qos: 1 })
      await publisher.endAsync()
    })

    it('the number of filters of a client is limited, with and without a session', async () => {
      await using few = await startGateway({ acl: ACL, settings: { maxSubscriptions: '2' } })
      const device = await few.pki.issue('alice.d.wott.local')
      for (const clean of [true, false]) {
        using raw = await rawConnected(few, device, { clean })
        for (const [packet, granted] of [
          [subscribe(1, ['a', 0], ['b', 1], ['c', 0]), [0, 1, 0x80]],
          [subscribe(2, ['a', 1], ['d', 0]), [1, 0x80]],
        ] as const) {
          raw.send(packet)
          const suback = await raw.next()
          assert.ok(suback.cmd === 'suback')
          assert.deepEqual(suback.granted, granted)
        }
      }
      assert.equal(await few.metric('wott_store_limits_reached_total{limit="subscriptions"}'), 4)
    })

    it('a refused filter is not in the session', async () => {
      const acl = 'user alice.d.wott.local\ntopic readwrite mine/#\n'
      await using strict = await startGateway({ acl, settings: { subscribe: 'check' } })
      const device = await strict.pki.issue('alice.d.wott.local')
      const first = await rawConnected(strict, device, { clean: false })
      first.send(subscribe(1, ['others/a', 1], ['mine/a', 1], ['others/b', 1]))
      const suback = await first.next()
      assert.ok(suback.cmd === 'suback')
      assert.deepEqual(suback.granted, [0x80, 1, 0x80])
      first.socket.destroy()
      await first.closed
      await writeFile(strict.aclFile, `${acl}topic readwrite others/#\n`)
      await strict.gateway.reload()
      using second = await rawConnected(strict, device, { clean: false })
      for (const [index, topic] of ['others/a', 'others/b', 'mine/a'].entries())
        second.send(publish(topic, { qos: 1, messageId: index + 1 }))
      const got: string[] = []
      while (!got.includes('mine/a')) {
        const packet = await second.next()
        if (packet.cmd === 'publish') got.push(packet.topic)
      }
      assert.deepEqual(got, ['mine/a'])
    })

    it('many packets sent along with CONNECT are all served', async () => {
      using raw = await rawMqtt(at, alice)
      const messages = Array.from({ length: 500 }, (_, index) =>
        publish('along', { qos: 1, messageId: index + 1 }),
      )
      raw.send(connectPacket({ clientId: 'eager' }), ...messages)
      assert.equal((await raw.next()).cmd, 'connack')
      for (const { messageId } of messages) assert.equal((await raw.next()).messageId, messageId)
    })
  })

  describe('by names', () => {
    for (const [what, topic] of [
      ['U+0000', Buffer.from('a\0b')],
      ['a control character', Buffer.from('a\u0001b')],
      ['bytes that are no UTF-8', Buffer.from([0x61, 0xe9])],
      ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
      ['a wildcard', Buffer.from('a/+')],
      ['no byte at all', Buffer.alloc(0)],
      ['101 levels', Buffer.from('/'.repeat(100))],
    ] as const)
      it(`a topic with ${what} closes the connection`, () => isCutOff(publishTo(topic)))

    for (const filter of ['a#', '#/a', 'a+', '+a/b', 'a\u0001', ''])
      it(`the filter ${JSON.stringify(filter)} closes the connection`, async () => {
        const bytes = Buffer.from(filter)
        const packet = [0x82, bytes.length + 5, 0, 1, 0, bytes.length, ...bytes, 0]
        await isCutOff(Buffer.from(packet))
      })

    it('a client id with a control character is refused', () =>
      isCutOff(connectPacket({ clientId: 'a\u0001' }), false))

    it('a will topic with a wildcard is refused', () =>
      isCutOff(
        connectPacket({ will: { topic: 'a/#', payload: Buffer.from('x'), qos: 0, retain: false } }),
        false,
      ))

    it('an empty client id without clean session gets CONNACK 2', async () => {
      using raw = await rawMqtt(at, alice)
      // no library sends this: protocol level 4, no flags, no client id
      raw.send(Buffer.from([0x10, 12, 0, 4, ...Buffer.from('MQTT'), 4, 0, 0, 60, 0, 0]))
      const connack = await raw.next()
      assert.deepEqual(pick(connack, 'cmd', 'returnCode'), { cmd: 'connack', returnCode: 2 })
      await raw.closed
    })

    it('names with a meaning in JavaScript are treated like other names', async () => {
      for (const name of ['__proto__', 'constructor', 'prototype', 'hasOwnProperty']) {
        using raw = await rawConnected(at, alice, { clientId: name, clean: false })
        raw.send(subscribe(1, [name, 1]))
        assert.equal((await raw.next()).cmd, 'suback')
        raw.send(publish(name, { payload: name, qos: 1, messageId: 2 }))
        const packets = [await raw.next(), await raw.next()]
        assert.deepEqual(packets.map(({ cmd }) => cmd).sort(), ['puback', 'publish'])
      }
    })

    it('an unknown protocol level is refused with code 1, and the log says which', async () => {
      using raw = await rawMqtt(at, bob)
      raw.send(
        Buffer.from([0x10, 0x0f, 0, 4, ...Buffer.from('MQTT'), 6, 2, 0, 60, 0, 0, 2, 0x61, 0x62]),
      )
      const connack = await raw.next()
      assert.deepEqual(pick(connack, 'cmd', 'returnCode'), { cmd: 'connack', returnCode: 1 })
      await raw.closed
      const { device } = await at.logged(({ reason }) => /"MQTT", level 6/.test(String(reason)))
      assert.equal(device, 'bob.d.wott.local')
    })
  })

  describe('on the sessions of others', () => {
    it('one client id under two certificates is two sessions, each with its own queue', async () => {
      const shared = { clientId: 'dev1', clean: false }
      const aliceOnline = await rawConnected(at, alice, shared)
      using bobOnline = await rawConnected(at, bob, shared)
      aliceOnline.send(subscribe(1, ['isolated', 1]))
      assert.equal((await aliceOnline.next()).cmd, 'suback')
      aliceOnline.socket.destroy()
      await aliceOnline.closed

      // bob has alice's client id, but does not get her queue
      bobOnline.send(publish('isolated', { payload: 'for alice', qos: 1, messageId: 9 }))
      assert.equal((await bobOnline.next()).cmd, 'puback')
      using again = await rawMqtt(at, bob)
      again.send(connectPacket(shared))
      assert.deepEqual(pick(await again.next(), 'cmd', 'sessionPresent'), {
        cmd: 'connack',
        sessionPresent: true,
      })
      again.send({ cmd: 'pingreq' })
      assert.equal((await again.next()).cmd, 'pingresp')

      using back = await rawMqtt(at, alice)
      back.send(connectPacket(shared))
      assert.deepEqual(pick(await back.next(), 'cmd', 'sessionPresent'), {
        cmd: 'connack',
        sessionPresent: true,
      })
      const queued = (await back.next()) as IPublishPacket
      assert.equal(String(queued.payload), 'for alice')
    })

    it('%c in the ACL is the client id that the client sent', async () => {
      using raw = await rawConnected(at, carol, { clientId: 'c7' })
      raw.send(subscribe(1, ['clients/#', 0]))
      await raw.next()
      raw.send(publish('clients/c8/x', { qos: 0 }), publish('clients/c7/x', { qos: 0 }))
      assert.equal(((await raw.next()) as IPublishPacket).topic, 'clients/c7/x')
    })

    it('$SYS cannot be written, and does not reveal other clients', async () => {
      using raw = await rawConnected(at, alice, { clientId: 'curious' })
      raw.send(subscribe(1, ['$SYS/#', 0], ['seen', 0]))
      await raw.next()
      using other = await rawConnected(at, bob, { clientId: 'private' })
      other.send(subscribe(2, ['x', 0]))
      await other.next()
      raw.send(publish('$SYS/fake', { qos: 0 }), publish('seen', { payload: 'fence' }))
      assert.equal(((await raw.next()) as IPublishPacket).topic, 'seen')
    })
  })

  describe('on rights', () => {
    it('a denied message is acknowledged, dropped and counted; the connection and its will stay', async () => {
      const watcher = await mqtt(at, bob)
      const seen = messagesOf(watcher)
      await watcher.subscribeAsync('#', { qos: 2 })
      const will = { topic: 'will', payload: Buffer.from('gone'), qos: 0, retain: false } as const
      using raw = await rawConnected(at, alice, { clientId: 'denied', will })
      const before =
        (await at.metric('wott_publishes_total{door="mqtt",qos="1",result="denied"}')) ?? 0
      raw.send(publish('forbidden/x', { qos: 0, retain: true }))
      raw.send(publish('forbidden/x', { qos: 1, messageId: 1, retain: true }))
      assert.deepEqual(pick(await raw.next(), 'cmd', 'messageId'), { cmd: 'puback', messageId: 1 })
      raw.send(publish('forbidden/x', { qos: 2, messageId: 2 }))
      assert.equal((await raw.next()).cmd, 'pubrec')
      raw.send({ cmd: 'pubrel', messageId: 2 })
      assert.equal((await raw.next()).cmd, 'pubcomp')
      raw.send(publish('allowed', { payload: 'fence' }))
      assert.equal((await seen.next()).topic, 'allowed')
      const after = await at.metric('wott_publishes_total{door="mqtt",qos="1",result="denied"}')
      assert.equal(after, before + 1)
      await watcher.endAsync()
    })

    it('the ACL is checked for a will when it is published', async () => {
      const watcher = await mqtt(at, bob)
      const seen = messagesOf(watcher)
      await watcher.subscribeAsync('#')
      for (const topic of ['forbidden/will', 'last/will']) {
        const payload = Buffer.from('gone')
        const raw = await rawConnected(at, alice, {
          clientId: 'mortal',
          will: { topic, payload, qos: 1, retain: false },
        })
        raw.socket.destroy()
        await raw.closed
      }
      assert.equal((await seen.next()).topic, 'last/will')
      await watcher.endAsync()
    })

    it('the right to read is checked at each delivery, also of retained and of own messages', async () => {
      using writer = await rawConnected(at, bob, { clientId: 'writer' })
      writer.send(
        publish('forbidden/kept', { payload: 'secret', qos: 1, messageId: 1, retain: true }),
      )
      await writer.next()
      using reader = await rawConnected(at, alice, { clientId: 'reader' })
      reader.send(subscribe(1, ['#', 1]))
      assert.equal((await reader.next()).cmd, 'suback')
      writer.send(
        publish('forbidden/live', { payload: 'secret' }),
        publish('free', { payload: 'fence' }),
      )
      for (;;) {
        const { topic } = (await reader.next()) as IPublishPacket
        assert.ok(!topic.startsWith('forbidden'))
        if (topic === 'free') break
      }
    })
  })

  describe('on other subscribers', () => {
    it('one that stops reading delays nobody: QoS 0 is dropped, QoS 1 disconnects it', async () => {
      await using small = await startGateway({ acl: ACL, settings: { clientBuffer: '64KiB' } })
      const [writer, lazy] = [
        await small.pki.issue('bob.d.wott.local'),
        await small.pki.issue('alice.d.wott.local'),
      ]
      const publisher = await mqtt(small, writer)
      const observer = await mqtt(small, writer)
      const seen = messagesOf(observer)
      await observer.subscribeAsync('fence')
      for (const qos of [0, 1] as const) {
        using stuck = await rawConnected(small, lazy, { clientId: `stuck${qos}` })
        stuck.send(subscribe(1, ['flood', qos]))
        await stuck.next()
        stuck.socket.pause()
        const dropped = 'wott_deliveries_dropped_total{door="mqtt",reason="slow_reader"}'
        const before = (await small.metric(dropped)) ?? 0
        while (((await small.metric(dropped)) ?? 0) === before) {
          for (let sent = 0; sent < 100; sent++)
            publisher.publish('flood', Buffer.alloc(65_536), { qos })
          await publisher.publishAsync('fence', `${qos}`, { qos: 1 })
          assert.equal((await seen.next()).payload, `${qos}`)
        }
        const said = small.log.filter(({ msg }) => msg === 'an MQTT subscriber is too slow')
        assert.equal(said.at(-1)?.device, 'alice.d.wott.local')
        assert.equal(said.at(-1)?.client, `stuck${qos}`)
        if (qos === 1) {
          stuck.socket.resume()
          await stuck.closed
        }
      }
      await Promise.all([publisher.endAsync(), observer.endAsync()])
    })
  })
})

function publish(topic: string, more: Partial<IPublishPacket> = {}): IPublishPacket {
  return { cmd: 'publish', topic, payload: 'x', qos: 0, dup: false, retain: false, ...more }
}

function subscribe(messageId: number, ...filters: [string, 0 | 1 | 2][]): Packet {
  return {
    cmd: 'subscribe',
    messageId,
    subscriptions: filters.map(([topic, qos]) => ({ topic, qos })),
  }
}

function pick(packet: Packet, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => [name, (packet as unknown as Record<string, unknown>)[name]]),
  )
}
