import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { connectClient, type PacketClient } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const DENIED = `user writer.d.wott.local
topic readwrite #
user device.d.wott.local
topic read fence
`
const ALLOWED = `${DENIED}topic read a/+\n`
/** MQTT 5 §3.4.2.1 */
const NO_MATCHING_SUBSCRIBERS = 0x10

describe('new rules for sessions that are connected', async () => {
  const { at, device } = await suiteGateway({ acl: DENIED })
  const writerFiles = await at.pki.issue('writer.d.wott.local')
  const writer = await connectClient(at, writerFiles, 'writer')

  async function use(rules: string): Promise<void> {
    await writeFile(at.aclFile, rules)
    await at.gateway.reload()
  }

  /** Publishes with every QoS, and returns what the client gets of that. */
  async function received(client: PacketClient, topic: string): Promise<string[]> {
    for (const qos of [0, 1, 2] as const) await writer.publish(topic, `QoS ${qos}`, { qos })
    await writer.publish('fence', 'fence', { qos: 1 })
    const payloads: string[] = []
    while (payloads.at(-1) !== 'fence') payloads.push((await client.receive()).payload)
    return payloads.slice(0, -1)
  }

  const ALL = ['QoS 0', 'QoS 1', 'QoS 2']

  for (const [name, sessionExpiryInterval] of [
    ['ends with its connection', 0],
    ['outlives its connection', 60],
  ] as const)
    for (const filter of ['#', '$share/group/#'])
      it(`are followed at once by one that ${name}, subscribed to ${filter}`, async () => {
        await use(DENIED)
        const properties = { sessionExpiryInterval }
        const client = await connectClient(at, device, `client-${name}`, { properties })
        await client.subscribe([{ topic: filter, qos: 2 }])
        for (let round = 0; round < 2; round++) {
          assert.deepEqual(await received(client, 'a/1'), [])
          await use(ALLOWED)
          assert.deepEqual((await received(client, 'a/1')).toSorted(), ALL)
          // a topic that nobody has published to before
          assert.deepEqual((await received(client, `a/${name} ${round}`)).toSorted(), ALL)
          assert.deepEqual(await received(client, 'b/1'), [])
          await use(DENIED)
        }
        assert.deepEqual(await received(client, 'a/1'), [])
        await client.disconnect(0, 0)
      })

  it('are followed where subscriptions change between them', async () => {
    await use(DENIED)
    const client = await connectClient(at, device, 'changing')
    await client.subscribe([{ topic: '#', qos: 0 }])
    assert.deepEqual(await received(client, 'a/2'), [])
    await client.subscribe([{ topic: 'a/+', qos: 1 }])
    assert.deepEqual(await received(client, 'a/2'), [])
    await use(ALLOWED)
    await client.unsubscribe('#')
    await client.subscribe([{ topic: 'fence', qos: 1 }])
    assert.deepEqual(await received(client, 'a/2'), ALL)
    await client.unsubscribe('a/+')
    assert.deepEqual(await received(client, 'a/2'), [])
    await client.disconnect()
  })

  it('tell no publisher whether a subscriber may read its message', async () => {
    await use(DENIED)
    assert.equal(await writer.publish('a/3', '', { qos: 1 }), NO_MATCHING_SUBSCRIBERS)
    const client = await connectClient(at, device, 'unread')
    await client.subscribe([{ topic: '#', qos: 0 }])
    assert.equal(await writer.publish('a/3', '', { qos: 1 }), 0)
    await client.disconnect()
  })
})
