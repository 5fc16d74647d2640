import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { http1, http2, http2Session, messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'

const RATE = 20
const BURST = 5
const SENT = 15
const DELAYED = 'wott_publishes_delayed_total{door="mqtt"}'

describe('a device that exceeds its publish rate over MQTT', () => {
  let at: TestGateway
  let fast: Credentials
  let other: Credentials

  before(async () => {
    const settings = { publishRate: String(RATE), publishBurst: String(BURST) }
    at = await startGateway({ acl: 'pattern readwrite #\n', settings })
    fast = await at.pki.issue('fast.d.wott.local')
    other = await at.pki.issue('other.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  for (const [version, qos] of [
    [4, 0],
    [4, 1],
    [5, 1],
  ] as const)
    it(`is slowed down and loses nothing: MQTT ${version}, QoS ${qos}`, async () => {
      const reader = await mqtt(at, other)
      const messages = messagesOf(reader)
      await reader.subscribeAsync(`fast/${version}/${qos}`)
      const delayed = (await at.metric(DELAYED)) ?? 0
      const start = performance.now()
      using raw = await rawConnected(at, fast, { protocolVersion: version })
      for (let n = 1; n <= SENT; n++)
        raw.send({
          cmd: 'publish',
          topic: `fast/${version}/${qos}`,
          payload: String(n),
          qos,
          messageId: n,
          dup: false,
          retain: false,
        })
      for (let n = 1; n <= SENT; n++) {
        assert.equal((await messages.next()).payload, String(n))
        if (qos > 0) assert.equal((await raw.next()).messageId, n)
      }
      const seconds = (performance.now() - start) / 1000
      assert.ok(seconds >= (SENT - BURST - 1) / RATE, `${seconds} s`)
      assert.ok(((await at.metric(DELAYED)) ?? 0) > delayed)
      assert.equal(
        await at.metric('wott_publishes_total{door="mqtt",qos="1",result="rate_limited"}'),
        0,
      )
      await reader.endAsync()
    })

  it('waits for its CONNACK where it connects with wills too often', async () => {
    const will = { topic: 'fast/gone', payload: Buffer.from('x'), qos: 0, retain: false } as const
    const delayed = (await at.metric(DELAYED)) ?? 0
    const clients = await Promise.all(Array.from({ length: SENT }, () => rawMqtt(at, fast)))
    const start = performance.now()
    for (const [n, { send }] of clients.entries())
      send(connectPacket({ clientId: `will-${n}`, will }))
    for (const { next } of clients) assert.equal((await next()).cmd, 'connack')
    for (const { socket } of clients) socket.destroy()
    const seconds = (performance.now() - start) / 1000
    assert.ok(seconds >= (SENT - BURST - 1) / RATE, `${seconds} s`)
    assert.ok(((await at.metric(DELAYED)) ?? 0) > delayed)
  })

  it('is slowed down more where its topics are long', async () => {
    const topic = 'x'.repeat(10 * 1024)
    using raw = await rawConnected(at, fast)
    const start = performance.now()
    for (let messageId = 1; messageId <= 3; messageId++)
      raw.send({
        cmd: 'publish',
        topic,
        payload: '',
        qos: 1,
        messageId,
        dup: false,
        retain: false,
      })
    for (let n = 1; n <= 3; n++) await raw.next()
    const seconds = (performance.now() - start) / 1000
    assert.ok(seconds >= (2 * 10 - BURST) / RATE, `${seconds} s`)
  })

  it('has one rate for MQTT and HTTP, and does not slow others down', async () => {
    using raw = await rawConnected(at, fast)
    for (let n = 1; n <= 2 * BURST; n++)
      raw.send({
        cmd: 'publish',
        topic: 'fast',
        payload: '',
        qos: 1,
        messageId: n,
        dup: false,
        retain: false,
      })
    await raw.next()
    const session = http2Session(at, fast)
    const post = { ':method': 'POST', ':path': '/topics/fast', 'content-type': 'text/plain' }
    const answers = await Promise.all(
      Array.from({ length: 2 * BURST }, () => http2(session, post, '1')),
    )
    session.close()
    assert.ok(answers.some(({ json }) => json.code === 'rate_limited'))
    const theirs = { method: 'POST', path: '/topics/fast', body: '1' }
    assert.equal((await http1(at, other, theirs)).status, 200)
  })
})
