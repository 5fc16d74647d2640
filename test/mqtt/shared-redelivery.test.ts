import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectClient, type PacketClient, plain } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const SESSION = { properties: { sessionExpiryInterval: 3600 } }

describe('a message that a member of a shared subscription did not acknowledge [MQTT 5 §4.8.2]', async () => {
  const { at, device } = await suiteGateway({ acl: 'pattern readwrite #\n' })

  /** The only member of a group, with `first` in flight and `second` behind its window of one. */
  async function holder(topic: string, expiry: number, qos: 1 | 2): Promise<PacketClient> {
    const properties = { sessionExpiryInterval: expiry, receiveMaximum: 1 }
    const client = await connectClient(at, device, `holder-${topic}`, { properties })
    assert.deepEqual(await client.subscribe(`$share/g/${topic}`), [2])
    using writer = await connectClient(at, device, 'writer')
    await writer.publish(topic, 'first', { qos })
    await writer.publish(topic, 'second', { qos })
    return client
  }

  async function successor(topic: string): Promise<PacketClient> {
    const client = await connectClient(at, device, `successor-${topic}`)
    assert.deepEqual(await client.subscribe(`$share/g/${topic}`), [2])
    return client
  }

  it('goes to another member when the session ends with its connection, in order', async () => {
    using gone = await holder('drop', 0, 1)
    assert.equal((await gone.take()).payload, 'first')
    using next = await successor('drop')
    gone.socket.destroy()
    assert.deepEqual(await next.receive(), plain('drop', 'first', { qos: 1 }))
    assert.deepEqual(await next.receive(), plain('drop', 'second', { qos: 1 }))
  })

  it('goes to another member when DISCONNECT ends the session', async () => {
    using gone = await holder('disconnect', 3600, 1)
    assert.equal((await gone.take()).payload, 'first')
    using next = await successor('disconnect')
    await gone.disconnect(0, 0)
    assert.deepEqual(await next.receive(), plain('disconnect', 'first', { qos: 1 }))
    assert.deepEqual(await next.receive(), plain('disconnect', 'second', { qos: 1 }))
  })

  it('goes to another member when a clean start ends the session', async () => {
    const gone = await holder('clean', 3600, 1)
    assert.equal((await gone.take()).payload, 'first')
    using next = await successor('clean')
    await gone.disconnect()
    using fresh = await connectClient(at, device, gone.clientId, { clean: true })
    assert.equal(fresh.connack.sessionPresent, false)
    assert.deepEqual(await next.receive(), plain('clean', 'first', { qos: 1 }))
    assert.deepEqual(await next.receive(), plain('clean', 'second', { qos: 1 }))
  })

  it('goes to another member when the session expires', async () => {
    const gone = await holder('expiry', 1, 1)
    assert.equal((await gone.take()).payload, 'first')
    using next = await successor('expiry')
    await gone.disconnect()
    assert.deepEqual(await next.receive(), plain('expiry', 'first', { qos: 1 }))
    assert.deepEqual(await next.receive(), plain('expiry', 'second', { qos: 1 }))
  })

  it('is repeated to the same member when its session is resumed', async () => {
    const back = await holder('back', 3600, 1)
    assert.equal((await back.take()).payload, 'first')
    await back.disconnect()
    using again = await connectClient(at, device, back.clientId, { ...SESSION, clean: false })
    assert.deepEqual(await again.receive(), plain('back', 'first', { qos: 1, dup: true }))
    assert.deepEqual(await again.receive(), plain('back', 'second', { qos: 1 }))
  })

  it('goes to nobody else with QoS 2, unless it was not sent yet [MQTT-4.8.2-5]', async () => {
    using gone = await holder('twice', 0, 2)
    assert.equal((await gone.take()).payload, 'first')
    using next = await successor('twice')
    await gone.disconnect()
    assert.deepEqual(await next.receive(), plain('twice', 'second', { qos: 2 }))
    await next.publish('twice', 'fence', { qos: 1 })
    assert.deepEqual(await next.receive(), plain('twice', 'fence', { qos: 1 }))
  })

  it('goes to nobody else once it was refused [MQTT-4.8.2-6]', async () => {
    using refuses = await holder('refused', 0, 1)
    const { messageId, payload } = await refuses.take()
    assert.equal(payload, 'first')
    using next = await successor('refused')
    refuses.send({ cmd: 'puback', messageId, reasonCode: 0x83 })
    assert.equal((await refuses.receive()).payload, 'second')
    await refuses.disconnect()
    await next.publish('refused', 'fence', { qos: 1 })
    assert.deepEqual(await next.receive(), plain('refused', 'fence', { qos: 1 }))
  })
})
