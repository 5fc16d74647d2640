import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { messagesOf, mqtt } from '../support/clients.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { connectClient } from '../support/packet-client.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'
import { clientOf, type RelayedGateway, startRelayed } from '../support/relayed.ts'

describe('an MQTT client in front of another broker', () => {
  let mosquitto: Mosquitto
  let relayed: RelayedGateway
  before(async () => {
    mosquitto = await startMosquitto({ acl: 'topic deny forbidden\ntopic readwrite #\n' })
    relayed = await startRelayed(mosquitto.port)
  })
  after(async () => {
    await relayed[Symbol.asyncDispose]()
    await mosquitto[Symbol.asyncDispose]()
  })
  const connect = (...args: [clientId: string, terms?: Parameters<typeof connectClient>[3]]) =>
    connectClient(relayed.at, relayed.device, ...args)

  it('is told in CONNACK what is not available', async () => {
    const client = await connect('a', { properties: { sessionExpiryInterval: 100 } })
    const { properties } = client.connack
    assert.equal(properties?.maximumQoS, 1)
    assert.equal(properties?.sharedSubscriptionAvailable, false)
    assert.equal(properties?.sessionExpiryInterval, 0)
    await client.disconnect(0, 100)
    const again = await connect('a', { clean: false })
    assert.equal(again.connack.sessionPresent, false)
    await again.disconnect()
  })

  it('is granted QoS 1 at most, no shared subscription, and no No Local', async () => {
    const asBridge: object = { version: 4, bridgeMode: true }
    const client = await connect('b')
    assert.deepEqual(
      await client.subscribe([
        { topic: 'b', qos: 2 },
        { topic: '$share/g/b', qos: 1 },
        { topic: 'c', qos: 1, nl: true },
      ]),
      [1, 0x9e, 0x83],
    )
    assert.equal(await client.publish('b', '1', { qos: 1 }), 0)
    const { payload, qos } = await client.receive()
    assert.deepEqual([payload, qos], ['1', 1])
    await client.disconnect()
    const bridge = await connect('bridge', asBridge)
    assert.deepEqual(await bridge.subscribe([{ topic: 'c', qos: 1 }]), [0x80])
    await bridge.disconnect()
  })

  it('is disconnected when it publishes with QoS 2, whatever its version', async () => {
    using old = await rawConnected(relayed.at, relayed.device, { clientId: 'c4' })
    const publish = { cmd: 'publish', topic: 'c', payload: '', dup: false, retain: false } as const
    old.send({ ...publish, qos: 2, messageId: 1 })
    await old.closed
    using now = await rawConnected(relayed.at, relayed.device, {
      clientId: 'c5',
      protocolVersion: 5,
    })
    now.send({ ...publish, qos: 2, messageId: 1 })
    const answer = await now.next()
    assert.ok(answer.cmd === 'disconnect' && answer.reasonCode === 0x9b)
    await relayed.at.logged(({ client, reason }) => client === 'c4' && /QoS 2/.test(String(reason)))
  })

  it('is refused a session that outlives its connection, and a will of QoS 2', async () => {
    const will = { topic: 'w', payload: Buffer.from('x'), qos: 2, retain: false } as const
    for (const [terms, code] of [
      [{ clean: false, protocolVersion: 4, clientId: 'd' }, 2],
      [{ clean: false, protocolVersion: 3, protocolId: 'MQIsdp', clientId: 'd' }, 2],
      [{ will, protocolVersion: 5, clientId: 'd' }, 0x9b],
    ] as const) {
      using client = await rawMqtt(relayed.at, relayed.device)
      client.send(connectPacket(terms))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.reasonCode ?? connack.returnCode, code)
    }
    await relayed.at.logged(({ reason }) => /clean session/.test(String(reason)))
  })

  it('has its will published there, and its messages acknowledged after that broker has', async () => {
    await using there = await clientOf(mosquitto.port)
    const messages = messagesOf(there)
    await there.subscribeAsync('#', { qos: 1 })
    const will = { topic: 'will', payload: Buffer.from('last'), qos: 1, retain: false } as const
    const client = await connect('e', { will })
    assert.equal(await client.publish('e', '1', { qos: 1 }), 0)
    const first = await messages.next()
    assert.deepEqual([first.topic, first.payload], ['e', '1'])
    await client.drop()
    const second = await messages.next()
    assert.deepEqual([second.topic, second.payload], ['will', 'last'])
  })

  it('is told why that broker refuses its message', async () => {
    const client = await connect('f')
    assert.equal(await client.publish('forbidden', '1', { qos: 1 }), 0x87)
    await client.disconnect()
  })

  it('keeps its connection while that broker is away, unless MQTT 3 has no error code for it', async () => {
    await using own = await startMosquitto()
    await using front = await startRelayed(own.port)
    const now = await connectClient(front.at, front.device, 'g5')
    const old = await mqtt(front.at, front.device, { protocolVersion: 4, clientId: 'g4' })
    await own.kill()
    await front.at.logged(({ msg }) => msg === 'the broker cannot be reached')
    assert.equal(await now.publish('g', '1', { qos: 1 }), 0x83)
    const closed = new Promise<void>((resolve) => old.once('close', () => resolve()))
    old.publish('g', '1', { qos: 1 })
    await closed
    assert.deepEqual(await now.subscribe([{ topic: 'g', qos: 1 }]), [1])
    await own.start()
    await front.connected(2)
    assert.equal(await now.publish('g', '2', { qos: 1 }), 0)
    assert.equal((await now.receive()).payload, '2')
    await now.disconnect()
  })
})
