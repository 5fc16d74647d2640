import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = `user device.d.wott.local
topic readwrite #
user deaf.d.wott.local
topic read fence/#
`
const SESSION = { properties: { sessionExpiryInterval: 3600 } }
const RESUMED = { ...SESSION, clean: false }

describe('shared subscriptions [MQTT 5 §4.8.2]', () => {
  let at: TestGateway
  let device: Credentials
  let deaf: Credentials

  before(async () => {
    at = await startGateway({ acl: ACL })
    device = await at.pki.issue('device.d.wott.local')
    deaf = await at.pki.issue('deaf.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  /** Publishes `m0`, `m1` … to a topic, each after the one before is acknowledged. */
  async function publishMany(topic: string, count: number, qos: 0 | 1 | 2 = 1): Promise<string[]> {
    using writer = await connectClient(at, device, 'writer')
    const payloads = Array.from({ length: count }, (_, index) => `m${index}`)
    for (const payload of payloads) await writer.publish(topic, payload, { qos })
    await writer.ping()
    return payloads
  }

  /** The payloads that a client receives before a message that is now published to its `fence/…`. */
  async function untilFence(client: PacketClient): Promise<string[]> {
    using writer = await connectClient(at, device, 'fence')
    await writer.publish(`fence/${client.clientId}`, '', { qos: 1 })
    const payloads: string[] = []
    for (;;) {
      const { topic, payload } = await client.receive()
      if (topic.startsWith('fence/')) return payloads
      payloads.push(payload)
    }
  }

  /** A member of a group, which also subscribes to its own `fence/…`. */
  async function member(
    clientId: string,
    filter: string,
    more: Parameters<typeof connectClient>[3] & { who?: Credentials } = {},
  ): Promise<PacketClient> {
    const { who = device, ...terms } = more
    const client = await connectClient(at, who, clientId, terms)
    const subscriptions = [{ topic: filter }, { topic: `fence/${clientId}`, qos: 1 } as const]
    assert.deepEqual(await client.subscribe(subscriptions), [2, 1])
    return client
  }

  for (const qos of [0, 1, 2] as const)
    it(`give each message to one member in turn, with QoS ${qos}`, async () => {
      using a = await member('a', `$share/turns/turn/${qos}`)
      using b = await member('b', `$share/turns/turn/${qos}`)
      using c = await member('c', `$share/turns/turn/${qos}`)
      const sent = await publishMany(`turn/${qos}`, 12, qos)
      const got = [await untilFence(a), await untilFence(b), await untilFence(c)]
      assert.deepEqual(
        got.map((payloads) => payloads.length),
        [4, 4, 4],
      )
      assert.deepEqual(got.flat().sort(), sent.sort())
    })

  it('give each group and each ordinary subscription a copy', async () => {
    using one = await member('one', '$share/one/copies/#')
    using two = await member('two', '$share/two/copies/#')
    using plainly = await member('plainly', 'copies/#')
    using both = await member('both', '$share/three/copies/#')
    await both.subscribe('copies/+')
    const sent = await publishMany('copies/x', 3)
    for (const client of [one, two, plainly]) assert.deepEqual(await untilFence(client), sent)
    assert.deepEqual((await untilFence(both)).sort(), [...sent, ...sent].sort())
  })

  it('with the same group name and another filter are another group', async () => {
    using one = await member('one', '$share/g/filters/+')
    using other = await member('other', '$share/g/filters/#')
    const sent = await publishMany('filters/x', 4)
    assert.deepEqual(await untilFence(one), sent)
    assert.deepEqual(await untilFence(other), sent)
  })

  it('skip a member that may not read the message, and lose nothing', async () => {
    using hears = await member('hears', '$share/rights/secret')
    using hears2 = await member('hears2', '$share/rights/secret')
    using nothing = await member('deaf', '$share/rights/secret', { who: deaf })
    const sent = await publishMany('secret', 6)
    const got = [await untilFence(hears), await untilFence(hears2)]
    assert.ok(
      got.every((payloads) => payloads.length > 0),
      JSON.stringify(got),
    )
    assert.deepEqual(got.flat().sort(), sent)
    assert.deepEqual(await untilFence(nothing), [])
  })

  it('send no retained messages at SUBSCRIBE', async () => {
    using writer = await connectClient(at, device, 'writer')
    await writer.publish('kept/x', 'x', { qos: 1, retain: true })
    using one = await member('one', '$share/g/kept/#')
    assert.deepEqual(await untilFence(one), [])
  })

  it('deliver their identifier, and the message with its properties', async () => {
    using one = await connectClient(at, device, 'one')
    assert.deepEqual(await one.subscribe('$share/g/id/+', 300), [2])
    const properties = { contentType: 'text/plain', userProperties: { a: 'b' } }
    await one.publish('id/x', 'x', { qos: 1, properties })
    const expected = { ...properties, subscriptionIdentifier: 300 }
    assert.deepEqual(await one.receive(), plain('id/x', 'x', { qos: 1, properties: expected }))
  })

  it('accept MQTT 3.1.1 clients in the same group', async () => {
    using now = await member('now', '$share/versions/versions')
    using old = await member('old', '$share/versions/versions', { version: 4 })
    const sent = await publishMany('versions', 6)
    const got = [await untilFence(now), await untilFence(old)]
    assert.deepEqual(
      got.map((payloads) => payloads.length),
      [3, 3],
    )
    assert.deepEqual(got.flat().sort(), sent)
  })

  it('continue without a member that unsubscribes', async () => {
    using leaves = await member('leaves', '$share/g/leave')
    using stays = await member('stays', '$share/g/leave')
    assert.deepEqual(
      await leaves.unsubscribe('leave', '$share/other/leave', '$share/g/leave'),
      [0x11, 0x11, 0],
    )
    const sent = await publishMany('leave', 4)
    assert.deepEqual(await untilFence(stays), sent)
    assert.deepEqual(await untilFence(leaves), [])
  })

  it('lose nothing while a member with a session is away', async () => {
    using stays = await member('stays', '$share/g/away')
    const away = await member('away', '$share/g/away', SESSION)
    await away.disconnect()
    const sent = await publishMany('away', 8)
    const got = await untilFence(stays)
    using back = await connectClient(at, device, 'away', RESUMED)
    assert.equal(back.connack.sessionPresent, true)
    assert.deepEqual([...got, ...(await untilFence(back))].sort(), sent)
  })

  describe('that are not valid', () => {
    const BAD = [
      '$share//a',
      '$share/g',
      '$share/g/',
      '$share/g+/a',
      '$share/+/a',
      '$share/#',
      '$share/g#/a',
      '$share/g/a#',
      '$share/g/#/a',
      '$share/g/a+/b',
    ]

    for (const filter of BAD)
      it(`${filter} is refused with 0x8F [MQTT-4.8.2-1] [MQTT-4.8.2-2]`, async () => {
        const subscriptions = [{ topic: 'good' }, { topic: filter }]
        using client = await connectClient(at, device, 'bad')
        assert.deepEqual(await client.subscribe(subscriptions), [2, 0x8f])
        using old = await connectClient(at, device, 'old', { version: 4 })
        assert.deepEqual(await old.subscribe(subscriptions), [2, 0x80])
      })

    it('are a protocol error with no local [MQTT-3.8.3-4]', async () => {
      using client = await connectClient(at, device, 'bad')
      const subscriptions = [{ topic: '$share/g/a', qos: 0, nl: true, rap: false, rh: 0 } as const]
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
      assert.equal((await client.expect('disconnect')).reasonCode, 0x82)
      await client.closed
    })
  })
})
