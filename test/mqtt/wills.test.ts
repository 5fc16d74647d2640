import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { IConnectPacket } from 'mqtt-packet'
import { temporaryFolder } from '../cli/program.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import {
  type ConnectTerms,
  connectClient,
  type PacketClient,
  plain,
} from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'
import { nextPropertyBytes, textBytes, userPropertyBytes } from '../support/publish-bytes.ts'
import { rawMqtt } from '../support/raw-mqtt.ts'

const ACL = `user device.d.wott.local
topic readwrite #
topic deny forbidden/#
`
type Will = NonNullable<IConnectPacket['will']>

/** The CONNECT of a client with a will. */
function leaving(
  topic: string,
  {
    delay = 0,
    expiry = 0,
    clean = true,
    ...more
  }: Partial<Will> & { delay?: number; expiry?: number; clean?: boolean } = {},
): ConnectTerms {
  const properties = { ...(delay === 0 ? {} : { willDelayInterval: delay }), ...more.properties }
  const will = { topic, payload: 'gone', qos: 1, retain: false, ...more, properties } as const
  return { clean, will, properties: { sessionExpiryInterval: expiry } }
}

/** Asserts that a promise takes at least a second, and returns its value. */
async function afterOneSecond<T>(event: Promise<T>): Promise<T> {
  const start = performance.now()
  const value = await event
  const waited = performance.now() - start
  // counted from when the client saw its connection close; timers round to milliseconds
  assert.ok(waited > 950, `${waited} ms`)
  return value
}

describe('a will of MQTT 5 [MQTT 5 §3.1.3.2]', () => {
  let at: TestGateway
  let device: Credentials
  let witness: PacketClient

  before(async () => {
    at = await startGateway({ acl: ACL })
    device = await at.pki.issue('device.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())
  beforeEach(async () => {
    witness = await connectClient(at, device, 'witness')
    await witness.subscribe([{ topic: '#', rh: 2 }])
  })
  afterEach(() => void witness.socket.destroy())

  const gone = (topic: string) => plain(topic, 'gone', { qos: 1 })

  it('is published with its properties and QoS', async () => {
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from([0, 255]),
      userProperties: { why: 'broken', and: ['a', 'b'] },
    }
    for (const qos of [0, 1, 2] as const) {
      const mortal = await connectClient(at, device, 'mortal', leaving('w', { qos, properties }))
      await mortal.drop()
      assert.deepEqual(await witness.receive(), plain('w', 'gone', { qos, properties }))
    }
  })

  it('is published with its user properties in order', async () => {
    const ordered = userPropertyBytes(['z', '1'], ['a', ''], ['z', ''], ['z', '1'], ['', ''])
    using mortal = await rawMqtt(at, device, 5)
    mortal.send(connectBytes('ordered', ordered))
    assert.equal((await mortal.next()).cmd, 'connack')
    mortal.socket.destroy()
    assert.deepEqual(await nextPropertyBytes(witness), ordered)
  })

  it('has an expiry that begins when it is published', async () => {
    const properties = { messageExpiryInterval: 60 }
    const terms = leaving('expires', { delay: 1, expiry: 10, properties })
    await (await connectClient(at, device, 'mortal', terms)).drop()
    const said = await witness.receive()
    const left = said.properties.messageExpiryInterval
    assert.ok(left === 60 || left === 59, `${left}`)
  })

  it('is retained with will retain', async () => {
    const mortal = await connectClient(at, device, 'mortal', leaving('kept', { retain: true }))
    await mortal.drop()
    assert.deepEqual(await witness.receive(), gone('kept'))
    using late = await connectClient(at, device, 'late')
    await late.subscribe('kept')
    assert.deepEqual(await late.receive(), { ...gone('kept'), retain: true })
  })

  it('is not published after DISCONNECT 0x00, but after 0x04 [MQTT-3.14.4-3]', async () => {
    await (await connectClient(at, device, 'mortal', leaving('normal'))).disconnect(0)
    await (await connectClient(at, device, 'mortal', leaving('with-will'))).disconnect(4)
    assert.deepEqual(await witness.receive(), gone('with-will'))
  })

  it('is not published where the rules deny it', async () => {
    await (await connectClient(at, device, 'mortal', leaving('forbidden/w'))).disconnect(4)
    await (await connectClient(at, device, 'mortal', leaving('allowed'))).disconnect(4)
    assert.deepEqual(await witness.receive(), gone('allowed'))
  })

  it('is published when the keep alive runs out', async () => {
    const terms = { ...leaving('silent'), keepalive: 1 }
    using mortal = await connectClient(at, device, 'mortal', terms)
    assert.equal((await mortal.expect('disconnect')).reasonCode, 0x8d)
    assert.deepEqual(await witness.receive(), gone('silent'))
  })

  it('is published after a protocol error', async () => {
    using mortal = await connectClient(at, device, 'mortal', leaving('wrong'))
    mortal.send({ cmd: 'pubrel', messageId: 0 })
    await mortal.closed
    assert.deepEqual(await witness.receive(), gone('wrong'))
  })

  describe('with a delay [MQTT-3.1.3-9]', () => {
    it('is published at the end of the delay', async () => {
      const terms = leaving('late', { delay: 1, expiry: 3600 })
      await (await connectClient(at, device, 'late', terms)).drop()
      assert.deepEqual(await afterOneSecond(witness.receive()), gone('late'))
    })

    it('is published when the session ends before the delay', async () => {
      const terms = leaving('ends', { delay: 3600, expiry: 1 })
      await (await connectClient(at, device, 'ends', terms)).drop()
      assert.deepEqual(await afterOneSecond(witness.receive()), gone('ends'))
    })

    it('is published at once when the session ends with the connection', async () => {
      await (await connectClient(at, device, 'no-session', leaving('a', { delay: 3600 }))).drop()
      assert.deepEqual(await witness.receive(), gone('a'))
      const terms = leaving('b', { delay: 3600, expiry: 3600 })
      await (await connectClient(at, device, 'says-so', terms)).disconnect(4, 0)
      assert.deepEqual(await witness.receive(), gone('b'))
    })

    it('is published at once when a clean start ends the session', async () => {
      const terms = leaving('clean', { delay: 3600, expiry: 3600 })
      await (await connectClient(at, device, 'cleans', terms)).disconnect(4)
      using _next = await connectClient(at, device, 'cleans', { clean: true })
      assert.deepEqual(await witness.receive(), gone('clean'))
    })

    it('is not published when the client is back in time', async () => {
      const terms = leaving('back', { delay: 2, expiry: 3600 })
      await (await connectClient(at, device, 'comes-back', terms)).drop()
      using back = await connectClient(at, device, 'comes-back', { clean: false })
      assert.equal(back.connack.sessionPresent, true)
      // a will with the same delay, which begins later
      await (
        await connectClient(at, device, 'fence', leaving('fence', { delay: 2, expiry: 10 }))
      ).drop()
      assert.deepEqual(await witness.receive(), gone('fence'))
    })

    it('is not published when another connection takes the session over, unlike one without a delay', async () => {
      using first = await connectClient(
        at,
        device,
        'taken',
        leaving('delayed', { delay: 1, expiry: 10 }),
      )
      using second = await connectClient(
        at,
        device,
        'taken',
        leaving('at-once', { expiry: 10, clean: false }),
      )
      assert.equal((await first.expect('disconnect')).reasonCode, 0x8e)
      using third = await connectClient(at, device, 'taken', { clean: false })
      assert.equal((await second.expect('disconnect')).reasonCode, 0x8e)
      assert.equal(third.connack.sessionPresent, true)
      assert.deepEqual(await witness.receive(), gone('at-once'))
      await (
        await connectClient(at, device, 'fence', leaving('fence', { delay: 1, expiry: 10 }))
      ).drop()
      assert.deepEqual(await witness.receive(), gone('fence'))
    })
  })
})

describe('a will with a delay, across a restart', () => {
  it('is published at the end of the delay, unless the client is back', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    {
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('device.d.wott.local')
      for (const clientId of ['lost', 'found']) {
        const terms = leaving(`wills/${clientId}`, { delay: 3, expiry: 3600 })
        await (await connectClient(at, device, clientId, terms)).disconnect(4)
      }
    }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    using witness = await connectClient(at, device, 'witness')
    await witness.subscribe('wills/#')
    using found = await connectClient(at, device, 'found', { clean: false })
    assert.equal(found.connack.sessionPresent, true)
    assert.deepEqual(await witness.receive(), plain('wills/lost', 'gone', { qos: 1 }))
    await (await connectClient(at, device, 'fence', leaving('wills/fence'))).disconnect(4)
    assert.deepEqual(await witness.receive(), plain('wills/fence', 'gone', { qos: 1 }))
  })
})

/** A CONNECT with a will of these properties; mqtt-packet would lose their order. */
function connectBytes(topic: string, willProperties: Buffer): Buffer {
  const body = Buffer.concat([
    // clean start, will flag, will QoS 1; no keep alive; no properties
    ...[textBytes('MQTT'), Buffer.from([5, 0x0e, 0, 0, 0]), textBytes('ordered')],
    ...[Buffer.from([willProperties.length]), willProperties, textBytes(topic), textBytes('gone')],
  ])
  return Buffer.concat([Buffer.from([0x10, body.length]), body])
}
