import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from '../cli/program.ts'
import { http1 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { connectClient, type PacketClient, plain, type Said } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const SESSION = { properties: { sessionExpiryInterval: 3600 } }

/** Longer than one second, the shortest expiry interval. */
const PAST_A_SECOND = 1100

describe('message expiry [MQTT 5 §3.3.2.3.3]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  it('is passed to a connected subscriber', async () => {
    using reader = await connectClient(at, device, 'reader')
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('live')
    const clock = createClock()
    await publish(writer, 'live', 1000, { qos: 1 })
    clock.published()
    assertCountedDown(await reader.receive(), 1000, clock.waited())
  })

  it('removes a message from a queue, and is counted down [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async () => {
    const sleeper = await connectClient(at, device, 'sleeper', SESSION)
    await sleeper.subscribe('queued/#')
    await sleeper.disconnect()
    using writer = await connectClient(at, device, 'writer')
    const clock = createClock()
    await publish(writer, 'queued/short', 1, { qos: 1 })
    await publish(writer, 'queued/long', 1000, { qos: 1 })
    await publish(writer, 'queued/long', 0xffff_ffff, { qos: 2 })
    await writer.publish('queued/ever', 'x', { qos: 1 })
    clock.published()
    await setTimeout(PAST_A_SECOND)

    using awake = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    assert.equal(awake.connack.sessionPresent, true)
    assertCountedDown(await awake.receive(), 1000, clock.waited())
    assertCountedDown(await awake.receive(), 0xffff_ffff, clock.waited())
    assert.deepEqual(await awake.receive(), plain('queued/ever', 'x', { qos: 1 }))
  })

  it('removes a retained message, and is counted down', async () => {
    using writer = await connectClient(at, device, 'writer')
    using late = await connectClient(at, device, 'late')
    const clock = createClock()
    await publish(writer, 'retained/short', 1, { qos: 1, retain: true })
    await publish(writer, 'retained/long', 1000, { qos: 1, retain: true })
    clock.published()
    await setTimeout(PAST_A_SECOND)
    assert.deepEqual(await late.subscribe('retained/#'), [2])
    const said = await late.receive()
    assertCountedDown(said, 1000, clock.waited())
    assert.deepEqual([said.topic, said.retain], ['retained/long', true])
    await late.ping()
  })

  it('removes a message that waits for the Receive Maximum of a client', async () => {
    using reader = await connectClient(at, device, 'reader', { properties: { receiveMaximum: 1 } })
    using writer = await connectClient(at, device, 'writer')
    await reader.subscribe('delayed')
    const clock = createClock()
    await writer.publish('delayed', 'first', { qos: 1 })
    await publish(writer, 'delayed', 1, { qos: 1 })
    await publish(writer, 'delayed', 1000, { qos: 1 })
    clock.published()
    const { messageId, payload } = await reader.take()
    assert.equal(payload, 'first')
    await setTimeout(PAST_A_SECOND)
    reader.send({ cmd: 'puback', messageId, reasonCode: 0 })
    assertCountedDown(await reader.receive(), 1000, clock.waited())
  })

  it('applies to MQTT 3.1.1 subscribers, who do not see it', async () => {
    const sleeper = await connectClient(at, device, 'old', { version: 4, clean: false })
    await sleeper.subscribe('old')
    await sleeper.disconnect()
    using writer = await connectClient(at, device, 'writer')
    await publish(writer, 'old', 1, { qos: 1 })
    await publish(writer, 'old', 1000, { qos: 1 })
    await setTimeout(PAST_A_SECOND)
    using awake = await connectClient(at, device, 'old', { version: 4, clean: false })
    assert.deepEqual(await awake.receive(), plain('old', '1000', { qos: 1 }))
    await awake.ping()
  })
})

describe('message expiry, outside MQTT', () => {
  it('removes a retained message over HTTP', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    using writer = await connectClient(at, device, 'writer')
    await publish(writer, 'short', 1, { qos: 1, retain: true })
    await publish(writer, 'long', 1000, { qos: 1, retain: true })
    await setTimeout(PAST_A_SECOND)
    const long = await http1(at, device, { path: '/topics/long' })
    assert.deepEqual([long.status, long.text], [200, '1000'])
    const short = await http1(at, device, { path: '/topics/short' })
    assert.deepEqual([short.status, short.json.code], [404, 'not_retained'])
  })

  it('goes on while the gateway is down', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    const clock = createClock()
    {
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('device.d.wott.local')
      const sleeper = await connectClient(at, device, 'sleeper', SESSION)
      await sleeper.subscribe('kept/#')
      await sleeper.disconnect()
      using writer = await connectClient(at, device, 'writer')
      await publish(writer, 'kept/short', 1, { qos: 1, retain: true })
      await publish(writer, 'kept/long', 1000, { qos: 1, retain: true })
      clock.published()
    }
    await setTimeout(PAST_A_SECOND)
    await using at = await startGateway({ acl: ACL, settings })
    const device = await at.pki.issue('device.d.wott.local')
    using awake = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    assertCountedDown(await awake.receive(), 1000, clock.waited())
    await awake.ping()
    using late = await connectClient(at, device, 'late')
    await late.subscribe('kept/#')
    assertCountedDown(await late.receive(), 1000, clock.waited())
    await late.ping()
  })
})

/** Publishes a message with an expiry interval. */
async function publish(
  writer: PacketClient,
  topic: string,
  messageExpiryInterval: number,
  more: { qos: 1 | 2; retain?: boolean },
): Promise<void> {
  const properties = { messageExpiryInterval }
  const code = await writer.publish(topic, `${messageExpiryInterval}`, { ...more, properties })
  assert.ok(code === 0 || code === 0x10, `${code}`)
}

/** Measures how many whole seconds a message can have waited, at least and at most. */
function createClock() {
  const start = performance.now()
  let end = start
  return {
    published: () => {
      end = performance.now()
    },
    waited: (): [least: number, most: number] => {
      const now = performance.now()
      return [Math.floor((now - end) / 1000), Math.ceil((now - start) / 1000)]
    },
  }
}

function assertCountedDown(
  { payload, properties }: Said,
  from: number,
  [least, most]: [number, number],
): void {
  assert.equal(payload, `${from}`)
  const left = properties.messageExpiryInterval ?? 0
  assert.ok(left <= from - least && left >= from - most, `${left} after ${least} to ${most} s`)
}
