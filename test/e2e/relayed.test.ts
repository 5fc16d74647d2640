import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { connectAsync, type IPublishPacket } from 'mqtt'
import { parser } from 'mqtt-packet'
import { type Answer, http1 } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { startNats } from '../support/nats.ts'
import type { Credentials } from '../support/pki.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const ACL = 'pattern readwrite #\n'
function post(
  at: TestGateway,
  who: Credentials,
  topic: string,
  body = '1',
  query = '',
): Promise<Answer> {
  return http1(at, who, { path: `/topics/${topic}?qos=1${query}`, method: 'POST', body })
}

/** Posts until the message is accepted, as devices do; returns how often it was refused. */
async function postUntilTaken(at: TestGateway, who: Credentials, topic: string): Promise<number> {
  for (let refused = 0; ; refused += 1) {
    const { status, headers } = await post(at, who, topic, '1', '&retain=true')
    if (status === 200) return refused
    assert.deepEqual([status, headers['retry-after']], [503, '2'])
    // sooner than Retry-After says
    await setTimeout(20)
  }
}

function ready(at: TestGateway): Promise<Response> {
  return fetch(`http://127.0.0.1:${at.ports.ops}/readyz`)
}

/** Resolves once the gateway has connected that many times. */
function connected(at: TestGateway, times = 1): Promise<unknown> {
  let count = 0
  const counted = new Set<unknown>()
  return at.logged((line) => {
    if (line.msg === 'connected to the broker' && !counted.has(line)) {
      counted.add(line)
      count += 1
    }
    return count >= times
  })
}

function startRelaying(port: number, settings: TestGatewayOptions['settings'] = {}) {
  return startGateway({ acl: ACL, settings: { broker: `mqtt://127.0.0.1:${port}`, ...settings } })
}

/** The topics that the broker retains. */
async function retained(port: number): Promise<Set<string>> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`)
  const topics = new Set<string>()
  const fence = new Promise<void>((resolve) =>
    client.on('message', (topic) => {
      topics.add(topic)
      if (topic === 'fence') resolve()
    }),
  )
  await client.subscribeAsync('#')
  // arrives after retained messages
  await client.publishAsync('fence', '', { qos: 1 })
  await fence
  await client.endAsync()
  return topics
}

describe('a gateway in front of Mosquitto', () => {
  it('publishes there with the device in a user property', async () => {
    await using mosquitto = await startMosquitto()
    const there = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { protocolVersion: 5 })
    const came = new Promise<IPublishPacket>((resolve) =>
      there.once('message', (_topic, _payload, packet) => resolve(packet)),
    )
    await there.subscribeAsync('#', { qos: 1 })
    await using at = await startRelaying(mosquitto.port)
    await connected(at)
    const device = await at.pki.issue('a.d.wott.local')
    // an attacker would send the name of another device
    const userProperties = JSON.stringify([{ 'wott-id': 'other' }, { unit: 'C' }])
    const { status } = await http1(at, device, {
      path: '/topics/x/y?qos=1&retain=true&messageExpiry=100',
      method: 'POST',
      body: '1',
      headers: { 'x-amz-mqtt5-user-properties': Buffer.from(userProperties).toString('base64') },
    })
    assert.equal(status, 200)
    const { topic, properties } = await came
    assert.equal(topic, 'x/y')
    assert.deepEqual({ ...properties?.userProperties }, { unit: 'C', 'wott-id': 'a.d.wott.local' })
    assert.equal(properties?.messageExpiryInterval, 100)
    await there.endAsync()
    const late = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { protocolVersion: 5 })
    const kept = new Promise<IPublishPacket>((resolve) =>
      late.once('message', (_topic, _payload, packet) => resolve(packet)),
    )
    await late.subscribeAsync('x/y')
    assert.equal((await kept).retain, true)
    await late.endAsync()
  })

  it('starts while that is away, refuses messages meanwhile, and recovers by itself', async () => {
    const port = await freePort()
    await using at = await startRelaying(port)
    await at.logged(({ msg }) => msg === 'the broker cannot be reached')
    const device = await at.pki.issue('a.d.wott.local')
    const { status, headers, json } = await post(at, device, 'x')
    assert.deepEqual([status, json.code, headers['retry-after']], [503, 'broker_unavailable', '2'])
    assert.match(json.detail, /nothing is listening on 127\.0\.0\.1/)
    const answer = await ready(at)
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /nothing is listening on 127\.0\.0\.1/)
    assert.equal(await at.metric('wott_uplink_connected'), 0)
    assert.equal(await at.metric('wott_uplink_refusals_total{reason="away"}'), 1)
    await using _ = await startMosquitto({ port })
    await connected(at)
    assert.equal((await post(at, device, 'x')).status, 200)
    assert.equal((await ready(at)).status, 200)
    assert.equal(await at.metric('wott_uplink_connected'), 1)
    assert.equal(await at.metric('wott_uplink_publish_duration_seconds_count'), 1)
  })

  it('answers a refusal of that broker with the right error', async () => {
    await using mosquitto = await startMosquitto({
      acl: 'topic readwrite open/#\n',
      lines: ['message_size_limit 10'],
    })
    await using at = await startRelaying(mosquitto.port)
    await connected(at)
    const device = await at.pki.issue('a.d.wott.local')
    const outcome = async (topic: string, body?: string) => {
      const { status, json } = await post(at, device, topic, body)
      return [status, json.code, json.detail]
    }
    const refused = 'The broker behind this gateway refused the message to'
    assert.deepEqual(await outcome('closed'), [
      ...[403, 'publish_denied'],
      `${refused} closed: Not authorized.`,
    ])
    assert.deepEqual(await outcome('open/a', 'x'.repeat(11)), [
      ...[413, 'payload_too_large'],
      `${refused} open/a: Packet too large.`,
    ])
    assert.equal((await post(at, device, 'open/a')).status, 200)
    assert.equal(await at.metric('wott_uplink_refusals_total{reason="denied"}'), 1)
  })

  it('reports that the broker refuses its password', async () => {
    await using mosquitto = await startMosquitto({ users: { gateway: 'correct horse' } })
    await using at = await startRelaying(mosquitto.port)
    await at.logged(({ msg }) => msg === 'the broker cannot be reached')
    assert.match(await (await ready(at)).text(), /refused the connection: Not authorized/)
    // it tries again meanwhile
    await at.until('wott_uplink_connections_total{result="refused"}', (count) => count >= 1)
  })

  it('answers 503 in time if the broker is slow', async () => {
    await using mosquitto = await startMosquitto()
    await using proxy = await startTcpProxy(mosquitto.port)
    await using at = await startRelaying(proxy.port, { brokerTimeout: '1' })
    await connected(at)
    const device = await at.pki.issue('a.d.wott.local')
    proxy.delay = 1_500
    const { status, json } = await post(at, device, 'x')
    assert.deepEqual([status, json.code], [503, 'broker_unavailable'])
    assert.match(json.detail, /did not acknowledge it within 1 seconds/)
    proxy.delay = 0
    assert.equal((await post(at, device, 'x')).status, 200)
  })

  it('loses nothing acknowledged while the broker is restarted under load', async () => {
    await using mosquitto = await startMosquitto({ persistent: true })
    await using at = await startRelaying(mosquitto.port)
    await connected(at)
    const device = await at.pki.issue('a.d.wott.local')
    const taken: string[] = []
    let refused = 0
    const publishers = Array.from({ length: 10 }, async (_, publisher) => {
      for (let count = 0; count < 15; count += 1) {
        const topic = `p/${publisher}/${count}`
        const times = await postUntilTaken(at, device, topic)
        refused += times
        taken.push(topic)
        if (taken.length === 50) {
          await mosquitto.stop()
          await at.logged(({ msg }) => msg === 'the broker cannot be reached')
          await mosquitto.start()
        }
      }
    })
    await Promise.all(publishers)
    assert.ok(refused > 0)
    const kept = await retained(mosquitto.port)
    assert.deepEqual(
      taken.filter((topic) => !kept.has(topic)),
      [],
    )
    assert.equal(await at.metric('wott_uplink_pending'), 0)
  })

  it('loses nothing acknowledged where every tenth publish drops the connection', async () => {
    await using mosquitto = await startMosquitto()
    let publishes = 0
    await using proxy = await startTcpProxy(mosquitto.port, {
      inspect() {
        const parse = parser({ protocolVersion: 5 })
        let mayPass = true
        parse.on('packet', ({ cmd }) => {
          if (cmd === 'publish') publishes += 1
          if (cmd === 'publish' && publishes % 10 === 0) mayPass = false
        })
        return (chunk) => {
          parse.parse(chunk)
          return mayPass
        }
      },
    })
    await using at = await startRelaying(proxy.port)
    await connected(at)
    const device = await at.pki.issue('a.d.wott.local')
    const topics = Array.from({ length: 30 }, (_, count) => `t/${count}`)
    let refused = 0
    for (const topic of topics) {
      const times = await postUntilTaken(at, device, topic)
      refused += times
    }
    assert.ok(refused >= 3)
    const kept = await retained(mosquitto.port)
    assert.deepEqual(
      topics.filter((topic) => !kept.has(topic)),
      [],
    )
  })

  it('publishes to a broker that was restarted empty', async () => {
    await using mosquitto = await startMosquitto()
    await using at = await startRelaying(mosquitto.port)
    await connected(at)
    await mosquitto.kill()
    await mosquitto.start()
    await connected(at, 2)
    const device = await at.pki.issue('a.d.wott.local')
    assert.equal((await post(at, device, 'x')).status, 200)
  })
})

describe('a gateway in front of NATS', () => {
  it('speaks MQTT 3.1.1 to it', async () => {
    await using nats = await startNats()
    const there = await connectAsync(`mqtt://127.0.0.1:${nats.port}`)
    const came = new Promise<IPublishPacket>((resolve) =>
      there.once('message', (_topic, _payload, packet) => resolve(packet)),
    )
    await there.subscribeAsync('x/#', { qos: 1 })
    await using at = await startRelaying(nats.port)
    const { protocol } = (await at.logged(({ msg }) => msg === 'connected to the broker')) as {
      protocol: number
    }
    assert.equal(protocol, 4)
    const device = await at.pki.issue('a.d.wott.local')
    assert.equal((await post(at, device, 'x/y', 'hello')).status, 200)
    assert.equal((await came).payload.toString(), 'hello')
    await there.endAsync()
  })
})
