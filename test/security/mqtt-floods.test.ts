import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient, plain, publishPacket } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'
import { variableLength } from '../support/publish-bytes.ts'
import { pouredUntilClosed } from '../support/raw.ts'
import { connectPacket, type RawMqtt, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const CUT = 'wott_connections_cut_total{door="mqtt",reason="slow_reader"}'
const OPEN = 'wott_connections{door="mqtt"}'
/** Bytes that a client can still send before it notices the end of its connection, including the socket buffers. */
const MOST_POURED = 32 * 1024 * 1024

describe('a client that sends and does not read', () => {
  let at: TestGateway
  let device: Credentials

  before(async () => {
    const settings = {
      streamStall: '1',
      publishRate: '0',
      clientBuffer: '64KiB',
      maxInflight: '1000',
    }
    at = await startGateway({ acl: ACL, settings })
    device = await at.pki.issue('device.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  /** Sends these bytes again and again, and reads nothing, until the connection ends. */
  async function flood({ socket }: RawMqtt, bytes: Buffer): Promise<void> {
    const piece = Buffer.concat(Array(Math.ceil(65_536 / bytes.length)).fill(bytes))
    socket.pause()
    // not events.once, which rejects after a reset
    const ended = new Promise((resolve) => socket.once('close', resolve))
    while (!socket.destroyed)
      if (!socket.write(piece))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), ended])
  }

  for (const [what, bytes] of [
    ['PINGREQ', Buffer.from([0xc0, 0])],
    ['PUBRECs that belong to nothing', Buffer.from([0x50, 2, 0x12, 0x34])],
    ['PUBRELs that belong to nothing', Buffer.from([0x62, 2, 0x12, 0x34])],
    ['QoS 1 messages', Buffer.from([0x32, 7, 0, 1, 0x61, 0, 1, 0, 0x78])],
    ['SUBSCRIBEs whose SUBACK is large', subscribeToNothing(20_000)],
  ] as const)
    it(`is no longer read, and is disconnected: ${what}`, async () => {
      const before = (await at.metric(CUT)) ?? 0
      using raw = await rawConnected(at, device, { protocolVersion: 5 })
      await flood(raw, bytes)
      assert.equal(await at.metric(CUT), before + 1)
    })

  it('is disconnected if its session waits for it to read, with and without keep alive', async () => {
    for (const keepalive of [0, 60]) {
      // a resumed session first gets its queued messages
      const name = `sleeps-${keepalive}`
      const before = (await at.metric(CUT)) ?? 0
      const session = { clean: false, properties: { sessionExpiryInterval: 3600 }, keepalive }
      using reader = await connectClient(at, device, name, session)
      using writer = await connectClient(at, device, 'writer')
      await reader.subscribe([{ topic: name, qos: 1 }])
      reader.socket.pause()
      const payload = 'x'.repeat(65_536)
      // no further message is published, so no delivery notices that the client is stuck
      for (let count = 0; count < 300; count++) await writer.publish(name, payload, { qos: 1 })
      // it notices the end of its connection only when it reads
      await at.until(CUT, (value) => value !== before)
      assert.equal(await at.metric(CUT), before + 1)
    }
  })
})

describe('a client that sends without end', async () => {
  const settings = { connectTimeout: '1', packetTimeout: '1', publishRate: '0' }
  const { at, device } = await suiteGateway({ acl: ACL, settings })

  it('acknowledges unknown packets, and does not slow down others', async () => {
    using raw = await rawConnected(at, device, { protocolVersion: 5, clientId: 'flood' })
    using other = await connectClient(at, device, 'other')
    await other.subscribe('fence')
    const kinds = [0x40, 0x50, 0x62, 0x70]
    const acknowledgements = Buffer.concat(
      Array.from({ length: 100_000 }, (_, index) =>
        Buffer.from([kinds[index % 4] as number, 2, (index % 0xff) + 1, index & 0xff]),
      ),
    )
    raw.send(acknowledgements, { cmd: 'pingreq' })
    for (let count = 0; ; count++) {
      if ((await raw.next()).cmd === 'pingresp') break
      if (count % 1000 > 0) continue
      await other.publish('fence', `${count}`)
      assert.deepEqual(await other.receive(), plain('fence', `${count}`))
    }
  })

  it('is disconnected if it continues after its connection has failed', async () => {
    using raw = await rawConnected(at, device, { protocolVersion: 5 })
    raw.send(Buffer.from([0, 0]))
    assert.ok((await pouredUntilClosed(raw.socket, Buffer.alloc(65_536))) < MOST_POURED)
  })

  it('is disconnected if its CONNECT comes too slowly', async () => {
    const cut = 'wott_connections_cut_total{door="mqtt",reason="connect_timeout"}'
    const before = (await at.metric(cut)) ?? 0
    using raw = await rawMqtt(at, device)
    raw.send(Buffer.from([0x10, 100, 0, 4, ...Buffer.from('MQTT'), 5]))
    const trickle = setInterval(() => raw.send(Buffer.from([0])), 100)
    await raw.closed.finally(() => clearInterval(trickle))
    assert.equal(await at.metric(cut), before + 1)
  })

  it('sends packets along with CONNECT, which wait and have the usual limits', async () => {
    using raw = await rawMqtt(at, device)
    const will = { topic: 'w', payload: Buffer.from('x'), qos: 0, retain: false } as const
    raw.send(
      connectPacket({ protocolVersion: 5, will }),
      ...Array(2000).fill({ cmd: 'pingreq' } as const),
      Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]),
    )
    assert.equal((await raw.next()).cmd, 'connack')
    for (let count = 0; count < 2000; count++) assert.equal((await raw.next()).cmd, 'pingresp')
    const bye = await raw.next()
    assert.deepEqual([bye.cmd, 'reasonCode' in bye && bye.reasonCode], ['disconnect', 0x95])
    await raw.closed
  })

  it('sends packets after DISCONNECT, which are not read', async () => {
    using witness = await connectClient(at, device, 'witness')
    await witness.subscribe('after/#')
    using client = await connectClient(at, device, 'client')
    client.send(
      publishPacket('after/before', 'x'),
      { cmd: 'disconnect', reasonCode: 0 },
      publishPacket('after/late', 'x'),
      Buffer.from([0, 0]),
    )
    await client.closed
    await witness.publish('after/fence', 'x')
    assert.deepEqual(await witness.receive(), plain('after/before', 'x'))
    assert.deepEqual(await witness.receive(), plain('after/fence', 'x'))
  })

  it('closes only its side, which ends the connection and publishes its will', async () => {
    using witness = await connectClient(at, device, 'witness')
    await witness.subscribe('last')
    const will = { topic: 'last', payload: Buffer.from('gone'), qos: 0, retain: false } as const
    using client = await connectClient(at, device, 'half', { will })
    client.socket.end()
    assert.deepEqual(await witness.receive(), plain('last', 'gone'))
    await client.closed
  })
})

describe('a client that publishes faster than it may', () => {
  const RATE = 10

  it('is not disconnected by its keep alive while it is delayed, and is not delayed longer than necessary', async () => {
    const settings = { publishRate: `${RATE}`, publishBurst: '1' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    using fast = await connectClient(at, device, 'fast', { keepalive: 1 })
    const count = 3 * RATE
    const start = performance.now()
    for (let messageId = 1; messageId <= count; messageId++)
      fast.send(publishPacket('fast', 'x', { qos: 1, messageId }))
    for (let messageId = 1; messageId <= count; messageId++)
      assert.equal((await fast.expect('puback')).messageId, messageId)
    await fast.ping()
    const seconds = (performance.now() - start) / 1000
    assert.ok(seconds > 1.5 && seconds < 2 * (count / RATE), `${seconds} s`)
  })

  it('and disconnects while it is delayed gives its turn to others', async () => {
    const settings = { publishRate: '1', publishBurst: '1' }
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    using writer = await connectClient(at, device, 'writer')
    await writer.publish('a', 'x', { qos: 1 })
    for (let count = 0; count < 20; count++) {
      const gone = await rawConnected(at, device, { clientId: `gone${count}` })
      gone.send(publishPacket('a', 'x'))
      // the packet is read at once, because CONNACK came before it
      gone.socket.end()
      await gone.closed
    }
    await at.until(OPEN, (value) => value <= 1)
    const start = performance.now()
    await writer.publish('a', 'x', { qos: 1 })
    assert.ok(performance.now() - start < 5_000)
    assert.equal((await http1(at, device, { path: '/whoami' })).status, 200)
  })
})

/** A SUBSCRIBE with `count` invalid filters. */
function subscribeToNothing(count: number): Buffer {
  const filters = Buffer.alloc(3 * count)
  const body = Buffer.concat([Buffer.from([0, 1, 0]), filters])
  return Buffer.concat([Buffer.from([0x82]), variableLength(body.length), body])
}
