import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectClient, type PacketClient, plain } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const SESSION = { properties: { sessionExpiryInterval: 3600 } }
const RESUMED = { ...SESSION, clean: false }
/** The largest [MQTT 5 §3.8.2.1.2]. */
const LARGEST = 268_435_455

describe('subscription identifiers [MQTT 5 §3.8.2.1.2]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  for (const identifier of [1, 127, 128, 16_384, LARGEST])
    it(`${identifier} is in messages that its filter matches [MQTT-3.3.4-3]`, async () => {
      using reader = await connectClient(at, device, 'reader')
      assert.deepEqual(await reader.subscribe('one', identifier), [2])
      await reader.publish('one', 'x', { qos: 1 })
      assert.deepEqual(await identifiersOfNext(reader), [identifier])
    })

  it('is absent where the filter has none', async () => {
    using reader = await connectClient(at, device, 'reader')
    await reader.subscribe('none')
    await reader.publish('none', 'x')
    assert.deepEqual(await reader.receive(), plain('none', 'x'))
  })

  it('is the same for all filters of a SUBSCRIBE', async () => {
    using reader = await connectClient(at, device, 'reader')
    await reader.subscribe([{ topic: 'several/a' }, { topic: 'several/+/b' }], 5)
    await reader.publish('several/a', 'x')
    assert.deepEqual(await identifiersOfNext(reader), [5])
    await reader.publish('several/a/b', 'x')
    assert.deepEqual(await identifiersOfNext(reader), [5])
  })

  it('is the only one in retained messages of that filter', async () => {
    using reader = await connectClient(at, device, 'reader')
    await reader.publish('kept/a', 'x', { qos: 1, retain: true })
    for (const [filter, identifier] of [
      ['kept/#', 1],
      ['kept/a', 2],
    ] as const) {
      await reader.subscribe(filter, identifier)
      const properties = { subscriptionIdentifier: identifier }
      const expected = plain('kept/a', 'x', { qos: 1, retain: true, properties })
      assert.deepEqual(await reader.receive(), expected)
    }
  })

  it('is sent to its own subscriber only, and not to MQTT 3.1.1', async () => {
    using one = await connectClient(at, device, 'one')
    using other = await connectClient(at, device, 'other')
    using old = await connectClient(at, device, 'old', { version: 4 })
    await one.subscribe('shared/topic', 1)
    await other.subscribe('shared/#', 2)
    await old.subscribe('shared/topic')
    await old.publish('shared/topic', 'x')
    assert.deepEqual(await identifiersOfNext(one), [1])
    assert.deepEqual(await identifiersOfNext(other), [2])
    assert.deepEqual(await old.receive(), plain('shared/topic', 'x'))
  })

  it('is replaced or removed by the next SUBSCRIBE with that filter', async () => {
    using reader = await connectClient(at, device, 'reader')
    for (const identifier of [1, 2, undefined]) {
      await reader.subscribe('replaced', identifier)
      await reader.publish('replaced', 'x')
      assert.deepEqual(
        await identifiersOfNext(reader),
        identifier === undefined ? [] : [identifier],
      )
    }
  })

  it('is a protocol error where it is 0', async () => {
    using reader = await connectClient(at, device, 'reader')
    // packet identifier 1, property 0x0b 0x00, filter "a"
    reader.send(Buffer.from('82090001020b0000016100', 'hex'))
    assert.equal((await reader.expect('disconnect')).reasonCode, 0x82)
    await reader.closed
  })

  it('is a protocol error in a PUBLISH from a client [MQTT-3.3.4-6]', async () => {
    using writer = await connectClient(at, device, 'writer')
    const properties = { subscriptionIdentifier: 1 }
    writer.send({
      cmd: 'publish',
      topic: 'a',
      payload: 'x',
      qos: 0,
      dup: false,
      retain: false,
      properties,
    })
    assert.equal((await writer.expect('disconnect')).reasonCode, 0x82)
    await writer.closed
  })
})

describe('filters that overlap [MQTT-3.3.4-2] [MQTT-3.3.4-4]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  it('give one copy with the highest QoS and every identifier', async () => {
    using reader = await connectClient(at, device, 'reader')
    await overlap(reader)
    await reader.publish('a/b', 'x', { qos: 2 })
    await reader.publish('a/c', 'y', { qos: 2 })
    assert.deepEqual(await copyOfNext(reader), ['a/b', 2, [1, 2, LARGEST]])
    assert.deepEqual(await copyOfNext(reader), ['a/c', 1, [1, LARGEST]])
    await reader.ping()
  })

  it('give the same from the queue of a session', async () => {
    const sleeper = await connectClient(at, device, 'sleeper', SESSION)
    await overlap(sleeper)
    await sleeper.disconnect()
    using writer = await connectClient(at, device, 'writer')
    await writer.publish('a/b', 'x', { qos: 2 })
    await writer.publish('a/c', 'y', { qos: 2 })
    await writer.publish('a/b', 'z', { qos: 1 })
    using awake = await connectClient(at, device, 'sleeper', RESUMED)
    assert.deepEqual(await copyOfNext(awake), ['a/b', 2, [1, 2, LARGEST]])
    assert.deepEqual(await copyOfNext(awake), ['a/c', 1, [1, LARGEST]])
    assert.deepEqual(await copyOfNext(awake), ['a/b', 1, [1, 2, LARGEST]])
    await awake.ping()
  })

  it('give an identifier once for each filter that has it [§3.3.4]', async () => {
    using reader = await connectClient(at, device, 'reader')
    await reader.subscribe('twice/a', 7)
    await reader.subscribe('twice/+', 7)
    await reader.publish('twice/a', 'x', { qos: 1 })
    assert.deepEqual(await copyOfNext(reader), ['twice/a', 1, [7, 7]])
    await reader.ping()
  })

  it('give MQTT 3.1.1 one copy with the highest QoS', async () => {
    using reader = await connectClient(at, device, 'old', { version: 4 })
    await overlap(reader)
    await reader.publish('a/b', 'x', { qos: 2 })
    assert.deepEqual(await copyOfNext(reader), ['a/b', 2, []])
    await reader.ping()
  })

  it('give what the others ask for after one is removed', async () => {
    using reader = await connectClient(at, device, 'reader')
    await overlap(reader)
    assert.deepEqual(await reader.unsubscribe('a/b'), [0])
    await reader.publish('a/b', 'x', { qos: 2 })
    assert.deepEqual(await copyOfNext(reader), ['a/b', 1, [1, LARGEST]])
    await reader.ping()
  })

  /** Three filters that match `a/b`, two that match `a/c`. */
  async function overlap(client: PacketClient): Promise<void> {
    const identified =
      client.connack.reasonCode === undefined ? () => undefined : (id: number) => id
    assert.deepEqual(await client.subscribe([{ topic: 'a/+', qos: 1 }], identified(1)), [1])
    assert.deepEqual(await client.subscribe([{ topic: 'a/b', qos: 2 }], identified(2)), [2])
    assert.deepEqual(await client.subscribe([{ topic: 'a/#', qos: 0 }], identified(LARGEST)), [0])
  }
})

async function copyOfNext(client: PacketClient): Promise<[string, number, number[]]> {
  const { topic, qos, properties } = await client.receive()
  return [topic, qos, sorted(properties.subscriptionIdentifier)]
}

async function identifiersOfNext(client: PacketClient): Promise<number[]> {
  return (await copyOfNext(client))[2]
}

/** The order of identifiers has no meaning. */
function sorted(identifiers: number | number[] = []): number[] {
  return [identifiers].flat().sort((a, b) => a - b)
}
