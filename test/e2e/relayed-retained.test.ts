import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { startNats } from '../support/nats.ts'
import { clientOf, startRelayed } from '../support/relayed.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const MANY = 3_000
const RETAINED = { qos: 1, retain: true } as const

for (const [name, start, brokerSubscribe] of [
  ['Mosquitto', startMosquitto, '#'],
  ['Mosquitto, with WOTT_BROKER_SUBSCRIBE=off,', startMosquitto, 'off'],
  ['NATS, which does not mark them as retained,', startNats, '#'],
] as const)
  describe(`retained messages of ${name}`, () => {
    it('are read as they are now', async () => {
      await using other = await start()
      await using there = await clientOf(other.port, start === startNats ? 4 : 5)
      await there.publishAsync('r/1', 'old', RETAINED)
      await there.publishAsync('r/2', 'two', RETAINED)
      await using relayed = await startRelayed(other.port, { brokerSubscribe })
      assert.equal((await relayed.get('/topics/r/1')).text, 'old')
      assert.equal((await relayed.get('/topics/r/none')).status, 404)
      using stream = await relayed.follow('filter=r/%2B')
      assert.deepEqual([await stream.next(), await stream.next()].sort(), ['old', 'two'])
      const client = await mqtt(relayed.at, relayed.device, { protocolVersion: 5 })
      const messages = messagesOf(client)
      await client.subscribeAsync('r/1', { qos: 1 })
      const { payload, retain } = await messages.next()
      assert.deepEqual([payload, retain], ['old', true])

      await there.publishAsync('r/1', 'new', RETAINED)
      assert.equal(await stream.next(), 'new')
      assert.equal((await messages.next()).retain, false)
      assert.equal((await relayed.get('/topics/r/1')).text, 'new')
      const { json } = await relayed.get('/retainedMessage/r/1')
      assert.equal(Buffer.from(json.payload, 'base64').toString(), 'new')

      await there.publishAsync('r/1', '', RETAINED)
      assert.equal(await stream.next(), '')
      assert.equal((await relayed.get('/topics/r/1')).status, 404)
      await client.endAsync()
    })
  })

describe('the retained messages of another broker', () => {
  it('are all read, however many', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    for (let from = 0; from < MANY; from += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          there.publishAsync(`many/${from + index}`, `${from + index}`, RETAINED),
        ),
      )
    await using relayed = await startRelayed(mosquitto.port)
    using stream = await relayed.follow('filter=many/%2B')
    const seen = new Set<string>()
    while (seen.size < MANY) seen.add(await stream.next())
  })

  it('stay readable while that broker is away, and changes are delivered afterwards', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    await using proxy = await startTcpProxy(mosquitto.port)
    for (const topic of ['same', 'changed', 'gone']) await there.publishAsync(topic, 'v1', RETAINED)
    await using relayed = await startRelayed(proxy.port)
    using stream = await relayed.follow('filter=%23')
    assert.deepEqual(
      [await stream.next(), await stream.next(), await stream.next()],
      Array(3).fill('v1'),
    )
    proxy.cut()
    await relayed.at.logged(({ msg }) => msg === 'the broker cannot be reached')
    assert.equal((await relayed.get('/topics/changed')).text, 'v1')
    await there.publishAsync('changed', 'v2', RETAINED)
    await there.publishAsync('new', 'v1 of new', RETAINED)
    await there.publishAsync('gone', '', RETAINED)
    proxy.restore()
    assert.equal(await stream.next(), 'gap broker_away')
    const handedOn = [await stream.event(), await stream.event()].map(({ data }) =>
      JSON.parse(data),
    )
    assert.deepEqual(
      handedOn.map(({ topic, payload, retain }) => [topic, payload, retain]).sort(),
      [
        ['changed', 'v2', true],
        ['new', 'v1 of new', true],
      ],
    )
    assert.equal((await relayed.get('/topics/gone')).status, 404)
    assert.equal((await relayed.get('/topics/same')).text, 'v1')
    await relayed.post('same', 'last')
    assert.equal(await stream.next(), 'last')
  })

  it('are gone when that broker comes back empty', async () => {
    await using mosquitto = await startMosquitto()
    await using relayed = await startRelayed(mosquitto.port)
    await relayed.post('a', '1', 'qos=1&retain=true')
    assert.equal((await relayed.get('/topics/a')).text, '1')
    await mosquitto.kill()
    await relayed.at.logged(({ msg }) => msg === 'the broker cannot be reached')
    await mosquitto.start()
    await relayed.connected(2)
    assert.equal((await relayed.get('/topics/a')).status, 404)
  })

  it('cannot be read with 503 while that broker is away and they were never read; an MQTT client gets them later', async () => {
    await using nats = await startNats()
    await using proxy = await startTcpProxy(nats.port)
    await using relayed = await startRelayed(proxy.port, { brokerTimeout: '1' })
    await relayed.post('a', '1', 'qos=1&retain=true')
    proxy.cut()
    await relayed.at.logged(({ msg }) => msg === 'the broker cannot be reached')
    const { status, json, headers } = await relayed.get('/topics/a')
    assert.deepEqual([status, json.code, headers['retry-after']], [503, 'broker_unavailable', '2'])
    const client = await mqtt(relayed.at, relayed.device, { protocolVersion: 5 })
    const messages = messagesOf(client)
    await client.subscribeAsync('a')
    proxy.restore()
    assert.equal((await messages.next()).payload, '1')
    await client.endAsync()
  })

  it('are kept within bounds, and those without room are counted', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    for (const topic of ['a', 'b', 'c']) await there.publishAsync(topic, '1', RETAINED)
    await using relayed = await startRelayed(mosquitto.port, { maxRetained: '2' })
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((topic) => relayed.get(`/topics/${topic}`)),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 404])
    const limit = 'wott_store_limits_reached_total{limit="retained_messages"}'
    assert.equal(await relayed.at.metric(limit), 1)
  })
})
