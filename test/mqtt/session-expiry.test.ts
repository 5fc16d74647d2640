import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from '../cli/program.ts'
import { startGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain } from '../support/packet-client.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
/** Longer than one second, the shortest time for a session to expire in. */
const PAST_A_SECOND = 1100
const NEVER = 0xffff_ffff

function lasting(sessionExpiryInterval: number) {
  return { properties: { sessionExpiryInterval } }
}

describe('session expiry [MQTT 5 §3.1.2.11.2]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  /** Connects a client that subscribes to its own name. */
  async function subscribed(
    clientId: string,
    terms: Parameters<typeof connectClient>[3],
  ): Promise<PacketClient> {
    const client = await connectClient(at, device, clientId, terms)
    assert.equal(client.connack.sessionPresent, false)
    assert.deepEqual(await client.subscribe([{ topic: clientId, qos: 1 }]), [1])
    return client
  }

  /** The queued QoS 1 messages of a client, oldest first; null where it has no session. */
  async function waiting(
    clientId: string,
    terms: Parameters<typeof connectClient>[3],
  ): Promise<string[] | null> {
    const client = await connectClient(at, device, clientId, { clean: false, ...terms })
    const payloads: string[] = []
    if (client.connack.sessionPresent) {
      await client.publish(clientId, 'fence', { qos: 1 })
      while (payloads.at(-1) !== 'fence') payloads.push((await client.receive()).payload)
    }
    await client.disconnect()
    return client.connack.sessionPresent ? payloads.slice(0, -1) : null
  }

  async function publish(topic: string, payload: string): Promise<void> {
    using writer = await connectClient(at, device, 'writer')
    await writer.publish(topic, payload, { qos: 1 })
  }

  for (const [clientId, terms] of [
    ['absent', {}],
    ['zero', lasting(0)],
  ] as const)
    it(`${clientId}: ends the session with its connection`, async () => {
      const client = await subscribed(clientId, { ...terms, clean: false })
      await client.disconnect()
      await publish(clientId, 'missed')
      assert.equal(await waiting(clientId, terms), null)
    })

  it('keeps the session and its queue within the interval [MQTT-3.1.2-5] [MQTT-3.1.2-23]', async () => {
    const client = await subscribed('goes-on', lasting(3600))
    await client.disconnect()
    await publish('goes-on', 'missed')
    assert.deepEqual(await waiting('goes-on', lasting(3600)), ['missed'])
  })

  it('keeps the session after a broken connection', async () => {
    const client = await subscribed('broken', lasting(3600))
    client.socket.destroy()
    await publish('broken', 'missed')
    assert.deepEqual(await waiting('broken', lasting(3600)), ['missed'])
  })

  it('ends the session after the interval', async () => {
    const client = await subscribed('short', lasting(1))
    await client.disconnect()
    await setTimeout(PAST_A_SECOND)
    assert.equal(await waiting('short', lasting(1)), null)
  })

  it('is counted from the end of the connection', async () => {
    const client = await subscribed('long-connection', lasting(2))
    await setTimeout(2 * PAST_A_SECOND)
    await client.disconnect()
    await publish('long-connection', 'missed')
    assert.deepEqual(await waiting('long-connection', lasting(2)), ['missed'])
  })

  it('is set by the last CONNECT', async () => {
    await (await subscribed('last', lasting(3600))).disconnect()
    const second = await connectClient(at, device, 'last', { clean: false })
    assert.equal(second.connack.sessionPresent, true)
    await second.disconnect()
    assert.equal(await waiting('last', {}), null)
  })

  it('never ends a session with 0xFFFFFFFF', async () => {
    await (await subscribed('never', lasting(NEVER))).disconnect()
    await publish('never', 'missed')
    assert.deepEqual(await waiting('never', lasting(NEVER)), ['missed'])
  })

  it('does not matter to a clean start, which ends the old session [MQTT-3.1.2-4] [MQTT-3.2.2-2]', async () => {
    await (await subscribed('fresh', lasting(3600))).disconnect()
    await publish('fresh', 'missed')
    const fresh = await connectClient(at, device, 'fresh', { clean: true, ...lasting(3600) })
    assert.equal(fresh.connack.sessionPresent, false)
    await fresh.disconnect()
    using again = await connectClient(at, device, 'fresh', { clean: false, ...lasting(3600) })
    assert.equal(again.connack.sessionPresent, true)
    assert.equal(await again.publish('fresh', 'nobody subscribes', { qos: 1 }), 0x10)
  })

  describe('of DISCONNECT [MQTT 5 §3.14.2.2.2]', () => {
    it('ends a lasting session where it is 0', async () => {
      const client = await subscribed('to-0', lasting(3600))
      await client.disconnect(0, 0)
      assert.equal(await waiting('to-0', {}), null)
    })

    it('shortens a session', async () => {
      const client = await subscribed('to-1', lasting(3600))
      await client.disconnect(0, 1)
      await setTimeout(PAST_A_SECOND)
      assert.equal(await waiting('to-1', {}), null)
    })

    it('lengthens a session', async () => {
      const client = await subscribed('to-n', lasting(1))
      await client.disconnect(0, 3600)
      await setTimeout(PAST_A_SECOND)
      await publish('to-n', 'missed')
      assert.deepEqual(await waiting('to-n', {}), ['missed'])
    })

    it('may not prolong a session with expiry 0: 0x82, and the will is published', async () => {
      using witness = await connectClient(at, device, 'witness')
      await witness.subscribe('last/words')
      const will = { topic: 'last/words', payload: 'gone', qos: 1, retain: false } as const
      const client = await subscribed('from-0', { ...lasting(0), will })
      client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 1 } })
      assert.equal((await client.expect('disconnect')).reasonCode, 0x82)
      await client.closed
      assert.deepEqual(await witness.receive(), plain('last/words', 'gone', { qos: 1 }))
      assert.equal(await waiting('from-0', {}), null)
    })
  })

  it('allows MQTT 5 to resume a session of MQTT 3.1.1, and the reverse', async () => {
    const v4 = { version: 4, clean: false } as const
    await (await subscribed('both', v4)).disconnect()
    await publish('both', 'one')
    assert.deepEqual(await waiting('both', lasting(3600)), ['one'])
    await publish('both', 'two')
    assert.deepEqual(await waiting('both', v4), ['two'])
    await publish('both', 'three')
    // without an expiry interval the session ends with this connection of MQTT 5
    assert.deepEqual(await waiting('both', {}), ['three'])
    assert.equal(await waiting('both', v4), null)
  })
})

describe('a session expiry above the maximum of the gateway', () => {
  it('is shortened, and only then stated in CONNACK [MQTT 5 §3.2.2.3.2]', async () => {
    await using at = await startGateway({ acl: ACL, settings: { sessionExpiry: '60' } })
    const device = await at.pki.issue('device.d.wott.local')
    for (const [asked, told] of [
      [0, undefined],
      [60, undefined],
      [61, 60],
      [NEVER, 60],
    ] as const) {
      const client = await rawMqtt(at, device)
      client.send(connectPacket({ protocolVersion: 5, ...lasting(asked) }))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.properties?.sessionExpiryInterval, told)
      client.socket.destroy()
    }
  })
})

describe('session expiry, across a restart', () => {
  it('keeps lasting sessions only', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    {
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('device.d.wott.local')
      for (const [clientId, expiry] of [
        ['lasts', 3600],
        ['ends', 0],
        ['short', 1],
      ] as const) {
        const client = await connectClient(at, device, clientId, lasting(expiry))
        await client.subscribe('topic')
        await client.disconnect()
      }
    }
    await setTimeout(PAST_A_SECOND)
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    for (const [clientId, present] of [
      ['lasts', true],
      ['ends', false],
      ['short', false],
    ] as const) {
      using client = await connectClient(at, device, clientId, { clean: false, ...lasting(3600) })
      assert.equal(client.connack.sessionPresent, present, clientId)
    }
  })
})
