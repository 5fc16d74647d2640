import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mqtt } from '../support/clients.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { startNats } from '../support/nats.ts'
import { connectClient } from '../support/packet-client.ts'
import { clientOf, startRelayed } from '../support/relayed.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const DENIES_SECRET = [
  'authorization: { users: [ { user: "g", password: "p", permissions: { subscribe: { deny: ["secret.>", "secret"] } } } ] }',
  'no_auth_user: g',
]
const BURST = 5_000

describe('a reader in front of another broker', () => {
  it('receives what others publish there, with the device from the user property, which is removed', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    await using relayed = await startRelayed(mosquitto.port)
    using stream = await relayed.follow('filter=x/%23')
    const userProperties = (id: string[] | string) => ({
      properties: { userProperties: { 'wott-id': id, unit: 'C' }, contentType: 'text/plain' },
    })
    await there.publishAsync('x/1', '1', {
      qos: 1,
      retain: true,
      ...userProperties('b.d.wott.local'),
    })
    await there.publishAsync('x/2', '2', userProperties('not a #name'))
    await there.publishAsync('x/3', '3', {
      properties: { userProperties: { time: '1990-01-01T00:00:00Z' } },
    })
    const messages = [await stream.event(), await stream.event(), await stream.event()].map(
      ({ data }) => JSON.parse(data),
    )
    const properties = { contentType: 'text/plain', userProperties: [['unit', 'C']] }
    assert.deepEqual(
      messages.map(({ time: _, topic: _topic, ...rest }) => rest),
      [
        { payload: '1', device: 'b.d.wott.local', qos: 1, retain: true, properties },
        { payload: '2', device: null, qos: 0, retain: false, properties },
        {
          payload: '3',
          device: null,
          qos: 0,
          retain: false,
          properties: { userProperties: [['time', '1990-01-01T00:00:00Z']] },
        },
      ],
    )
    assert.ok(messages.every(({ time }) => Date.parse(time) > Date.now() - 60_000))
    assert.equal(await relayed.at.metric('wott_reading{device="b.d.wott.local",topic="x/1"}'), 1)
  })

  it('does not receive messages whose topic or size the gateway refuses, which are counted', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    await using relayed = await startRelayed(mosquitto.port, { maxPayload: '1KiB' })
    using stream = await relayed.follow('filter=%23')
    await there.publishAsync(Array(120).fill('a').join('/'), '1')
    await there.publishAsync('a', Buffer.alloc(2000))
    await there.publishAsync('a', 'right')
    assert.equal(await stream.next(), 'right')
    for (const reason of ['topic_invalid', 'too_large'])
      assert.equal(await relayed.at.metric(`wott_uplink_dropped_total{reason="${reason}"}`), 1)
  })

  for (const [name, start] of [
    ['Mosquitto', startMosquitto],
    ['NATS', startNats],
  ] as const)
    it(`receives each message once though filters overlap, by subscriptions at ${name} that end later`, async () => {
      await using other = await start()
      await using relayed = await startRelayed(other.port, {
        brokerSubscribe: 'off',
        brokerRelease: '1',
      })
      const subscriptions = 'wott_uplink_subscriptions'
      assert.equal(await relayed.at.metric(subscriptions), 0)
      const one = await relayed.follow('filter=a/%2B&filter=q')
      const other1 = await relayed.follow('filter=%2B/b')
      const client = await mqtt(relayed.at, relayed.device, { protocolVersion: 5 })
      await client.subscribeAsync(['a/b', 'a/#'], { qos: 1 })
      let came = 0
      client.on('message', () => {
        came += 1
      })
      await relayed.post('a/b', '1')
      await relayed.post('a/b', '2')
      for (const stream of [one, other1])
        assert.deepEqual([await stream.next(), await stream.next()], ['1', '2'])
      // "#" is the only filter that covers both "a/#" and "+/b", which overlap in part
      await relayed.at.until(subscriptions, 1)
      await relayed.post('a/b', '3')
      assert.deepEqual([await one.next(), await other1.next()], ['3', '3'])
      await relayed.post('a/b', 'last')
      assert.deepEqual([await one.next(), await other1.next()], ['last', 'last'])
      while (came < 4) await new Promise((resolve) => client.once('message', resolve))
      assert.equal(came, 4)
      one[Symbol.dispose]()
      other1[Symbol.dispose]()
      await client.endAsync()
      await relayed.at.until(subscriptions, 0)
    })

  it('is told of a gap when the broker was away, at once and when it resumes', async () => {
    await using mosquitto = await startMosquitto()
    await using relayed = await startRelayed(mosquitto.port)
    using stream = await relayed.follow('filter=%23')
    await relayed.post('a', 'before')
    const { id, data } = await stream.event()
    assert.equal(JSON.parse(data).payload, 'before')
    await mosquitto.kill()
    await relayed.at.logged(({ msg }) => msg === 'the broker cannot be reached')
    await mosquitto.start()
    const gap = await stream.event()
    assert.deepEqual([gap.event, gap.id], ['gap', undefined])
    const said = JSON.parse(gap.data)
    assert.equal(said.reason, 'broker_away')
    assert.ok(said.seconds >= 1)
    await relayed.connected(2)
    await relayed.post('a', 'after')
    assert.equal(await stream.next(), 'after')
    using resumed = await relayed.follow('filter=%23', { 'last-event-id': id as string })
    assert.deepEqual([await resumed.next(), await resumed.next()], ['gap broker_away', 'after'])
    const history = await relayed.get('/history?filter=%23')
    assert.equal(history.headers['wott-gaps'], 'restart, broker_away')
    using fresh = await relayed.follow('filter=%23')
    await relayed.post('a', 'now')
    assert.equal(await fresh.next(), 'now')
  })

  it('is told which filter the broker refuses, and others continue', async () => {
    await using nats = await startNats(DENIES_SECRET)
    await using relayed = await startRelayed(nats.port, { brokerSubscribe: 'open/#,secret/#' })
    const ready = await fetch(`http://127.0.0.1:${relayed.at.ports.ops}/readyz`)
    assert.equal(ready.status, 200)
    const { status, checks } = (await ready.json()) as {
      status: string
      checks: { broker: string }
    }
    assert.equal(status, 'degraded')
    assert.match(checks.broker, /refuses the subscription to "secret\/#"/)
    const refused = await relayed.get('/topics/secret/x')
    assert.deepEqual([refused.status, refused.json.code], [502, 'subscription_refused'])
    using stream = await relayed.follow('filter=secret/x')
    assert.equal(await stream.next(), 'end subscription_refused')
    const client = await connectClient(relayed.at, relayed.device, 'c')
    assert.deepEqual(await client.subscribe('secret/x'), [0x87])
    await client.disconnect()
    using open = await relayed.follow('filter=open/x')
    await relayed.post('open/x', '1')
    assert.equal(await open.next(), '1')
    assert.ok(((await relayed.at.metric('wott_uplink_subscriptions_refused_total')) ?? 0) > 0)
    assert.ok(relayed.at.log.some(({ msg }) => msg === 'the broker refuses a subscription'))
  })

  it('is told which filter the broker refuses after a reconnection', async () => {
    await using one = await startNats()
    await using other = await startNats(DENIES_SECRET)
    await using proxy = await startTcpProxy(one.port)
    const broker = `mqtt://127.0.0.1:${proxy.port},mqtt://127.0.0.1:${other.port}`
    await using relayed = await startRelayed(one.port, { broker, brokerSubscribe: 'off' })
    using secret = await relayed.follow('filter=secret/x')
    using open = await relayed.follow('filter=open/x')
    await relayed.at.until('wott_uplink_subscriptions', 2)
    for (const topic of ['secret/x', 'open/x']) await relayed.post(topic, '1')
    assert.deepEqual([await secret.next(), await open.next()], ['1', '1'])
    proxy.cut()
    assert.equal(await secret.next(), 'end subscription_refused')
    assert.equal(await open.next(), 'gap broker_away')
    await relayed.connected(2)
    await relayed.post('open/x', '2')
    assert.equal(await open.next(), '2')
  })

  it('receives all of a burst that the broker queues', async () => {
    await using mosquitto = await startMosquitto({
      lines: ['max_queued_messages 0', 'max_inflight_messages 1000'],
    })
    await using there = await clientOf(mosquitto.port)
    await using relayed = await startRelayed(mosquitto.port)
    const client = await mqtt(relayed.at, relayed.device, { protocolVersion: 5 })
    await client.subscribeAsync('burst', { qos: 0 })
    const numbers: number[] = []
    const all = new Promise<void>((resolve) =>
      client.on('message', (_topic, payload) => {
        if (numbers.push(Number(payload)) === BURST) resolve()
      }),
    )
    await Promise.all(
      Array.from({ length: BURST }, (_, index) =>
        there.publishAsync('burst', String(index), { qos: 1 }),
      ),
    )
    await all
    assert.deepEqual(
      numbers,
      Array.from({ length: BURST }, (_, index) => index),
    )
    await client.endAsync()
  })

  it('is refused beyond the bound on subscriptions', async () => {
    await using mosquitto = await startMosquitto()
    await using relayed = await startRelayed(mosquitto.port, {
      brokerSubscribe: 'a/#',
      brokerSubscriptions: '1',
    })
    assert.equal((await relayed.get('/topics/a/b')).json.code, 'not_retained')
    const { status, json } = await relayed.get('/topics/b')
    assert.deepEqual([status, json.code], [502, 'subscription_refused'])
  })
})
