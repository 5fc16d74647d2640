import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { IPublishPacket } from 'mqtt-packet'
import { mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { type RawMqtt, rawConnected } from '../support/raw-mqtt.ts'

const BUFFER = 64 * 1024
const QUEUE = 20
const LARGE = Buffer.alloc(16 * 1024, 'x')
/** Far more than the buffers of a socket hold. */
const MANY = 1_000

describe('the retained messages of a new MQTT subscription', () => {
  let at: TestGateway
  let device: Credentials
  let publisher: MqttClient

  before(async () => {
    at = await startGateway({
      acl: 'pattern readwrite #\n',
      settings: {
        clientBuffer: String(BUFFER),
        sessionQueue: String(QUEUE),
        maxInflight: '10',
        publishRate: '0',
      },
    })
    device = await at.pki.issue('device.d.wott.local')
    publisher = await mqtt(at, device)
    for (let n = 0; n < MANY; n++)
      await publisher.publishAsync(`many/${n}`, LARGE, { qos: 1, retain: true })
  })
  after(async () => {
    await publisher.endAsync()
    await at[Symbol.asyncDispose]()
  })

  async function subscribed(clientId: string, clean: boolean, qos: 0 | 1 | 2, filter: string) {
    const raw = await rawConnected(at, device, { clientId, clean })
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] })
    return raw
  }

  /** The next message, acknowledged. */
  async function received(raw: RawMqtt): Promise<IPublishPacket> {
    for (;;) {
      const packet = await raw.next()
      const messageId = packet.messageId as number
      if (packet.cmd === 'pubrel') raw.send({ cmd: 'pubcomp', messageId })
      if (packet.cmd !== 'publish') continue
      if (packet.qos === 1) raw.send({ cmd: 'puback', messageId })
      if (packet.qos === 2) raw.send({ cmd: 'pubrec', messageId })
      return packet
    }
  }

  const dropped = () => at.metric('wott_deliveries_dropped_total{door="mqtt",reason="slow_reader"}')

  for (const clean of [true, false])
    for (const qos of [0, 1] as const)
      it(`all arrive, also at a slow reader: QoS ${qos}, ${clean ? 'clean' : 'persistent'}`, async () => {
        using raw = await subscribed(`slow-${qos}`, clean, qos, 'many/+')
        // the gateway fills the buffers before the client reads anything
        raw.socket.pause()
        await publisher.publishAsync('fence', '', { qos: 1 })
        raw.socket.resume()
        const topics = new Set<string>()
        while (topics.size < MANY) {
          const { topic, qos: had, retain } = await received(raw)
          assert.deepEqual([had, retain], [qos, true])
          assert.ok(!topics.has(topic), topic)
          topics.add(topic)
        }
        assert.equal(await dropped(), 0)
      })

  it('are never older than what was published meanwhile', async () => {
    using raw = await subscribed('meanwhile', true, 0, 'many/+')
    raw.socket.pause()
    const last = `many/${MANY - 1}`
    await publisher.publishAsync(last, 'newer', { qos: 1, retain: true })
    raw.socket.resume()
    const seen: string[] = []
    const others = new Set<string>()
    while (others.size < MANY - 1 || !seen.includes('newer')) {
      const { topic, payload } = await received(raw)
      if (topic === last) seen.push(String(payload))
      else others.add(topic)
    }
    assert.equal(seen.at(-1), 'newer')
    await publisher.publishAsync(last, LARGE, { qos: 1, retain: true })
  })

  it('are repeated with RETAIN and DUP to a session that did not acknowledge them', async () => {
    await publisher.publishAsync('kept', 'value', { qos: 1, retain: true })
    const first = await subscribed('repeated', false, 1, 'kept')
    assert.equal((await first.next()).cmd, 'suback')
    const sent = (await first.next()) as IPublishPacket
    assert.deepEqual([String(sent.payload), sent.retain, sent.dup], ['value', true, false])
    first.socket.destroy()
    await first.closed
    using second = await rawConnected(at, device, { clientId: 'repeated', clean: false })
    const again = await received(second)
    assert.deepEqual(
      [String(again.payload), again.retain, again.dup, again.messageId],
      ['value', true, true, sent.messageId],
    )
    // live messages of an established subscription have no RETAIN [MQTT-3.3.1-9]
    await publisher.publishAsync('kept', 'next', { qos: 1, retain: true })
    const live = await received(second)
    assert.deepEqual([String(live.payload), live.retain], ['next', false])
  })

  it('leave room in the queue for live messages', async () => {
    const raw = await subscribed('half', false, 1, 'many/+')
    assert.equal((await raw.next()).cmd, 'suback')
    // fewer than may be in flight, so that the queue is as full as it can be
    await raw.next()
    for (let n = 0; n < QUEUE / 2; n++)
      await publisher.publishAsync('many/live', String(n), { qos: 1 })
    raw.socket.destroy()
    await once(raw.socket, 'close')
    using back = await rawConnected(at, device, { clientId: 'half', clean: false })
    const live: string[] = []
    while (live.length < QUEUE / 2) {
      const { topic, payload } = await received(back)
      if (topic === 'many/live') live.push(String(payload))
    }
    assert.deepEqual(live, [...Array(QUEUE / 2).keys()].map(String))
    const full = 'wott_deliveries_dropped_total{door="mqtt",reason="queue_messages"}'
    assert.equal(await at.metric(full), 0)
  })
})
