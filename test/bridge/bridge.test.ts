import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectAsync } from 'mqtt'
import { freePort } from '../support/free-port.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import {
  type BridgedGateway,
  firstOf,
  readerOf,
  readFrom,
  startBridged,
  storeFolder,
  withoutMqtt5,
} from './site.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, n) => n)
const readLocal = async (at: BridgedGateway) => readFrom(await at.client())

describe('a bridge to Mosquitto', () => {
  it('forwards messages in order and with their properties', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await readerOf(mosquitto.port)
    await using at = await startBridged({ port: mosquitto.port })
    const here = await at.client()
    await here.publishAsync('a/b', 'one', {
      qos: 1,
      retain: true,
      properties: {
        contentType: 'text/plain',
        messageExpiryInterval: 100,
        userProperties: { unit: 'C', 'wott-id': 'somebody.else' },
      },
    })
    await here.publishAsync('a/b', 'two', { qos: 0 })
    await here.publishAsync('a/b', 'three', { qos: 2 })
    await there.count(3)
    assert.deepEqual(there.seen, ['a/b one', 'a/b two', 'a/b three'])
    assert.deepEqual(
      there.packets.map(({ qos, retain }) => [qos, retain]),
      [
        [1, true],
        [1, false],
        [1, false],
      ],
    )
    const properties = there.packets[0]?.properties
    assert.equal(properties?.contentType, 'text/plain')
    assert.ok(Number(properties?.messageExpiryInterval) > 90)
    assert.deepEqual(
      { ...properties?.userProperties },
      { unit: 'C', 'wott-id': 'device.d.wott.local' },
    )
    await at.caughtUp()
    assert.equal(await at.metric('wott_bridge_forwarded_total'), 3)
    assert.equal(await at.metric('wott_bridge_connected'), 1)
    await here.endAsync()
  })

  it('changes the prefixes of topics, both ways', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await readerOf(mosquitto.port)
    const topics = '# out 1 site/ cloud/edge1/; cmd/# in 1 local/ ""; "" in 1 time clock'
    await using at = await startBridged({ port: mosquitto.port, topics })
    await at.connected()
    const here = await at.client()
    await here.publishAsync('site/a', '1', { qos: 1 })
    await here.publishAsync('other/a', '2', { qos: 1 })
    await here.publishAsync('site/b', '3', { qos: 1 })
    await there.count(2)
    assert.deepEqual(there.seen, ['cloud/edge1/a 1', 'cloud/edge1/b 3'])
    await using local = await readLocal(at)
    await there.client.publishAsync('cmd/x', '4', { qos: 1 })
    await there.client.publishAsync('nothing', '5', { qos: 1 })
    await there.client.publishAsync('clock', '6', { qos: 1 })
    await local.saw('time 6')
    assert.deepEqual(local.seen, ['local/cmd/x 4', 'time 6'])
    assert.equal(await at.metric('wott_bridge_received_total{result="accepted"}'), 2)
    await here.endAsync()
  })

  for (const protocol of [5, 4] as const)
    it(`makes no loop, over MQTT ${protocol === 5 ? '5' : '3.1.1'}`, async () => {
      await using mosquitto = await startMosquitto()
      await using old = await withoutMqtt5(mosquitto.port)
      const { port } = protocol === 5 ? mosquitto : old
      await using there = await readerOf(mosquitto.port, '#', { protocolVersion: 4 })
      const topics = '# both 1'
      const folder = storeFolder()
      {
        await using at = await startBridged({ port, topics, folder })
        await at.connected()
        await using local = await readLocal(at)
        await local.client.publishAsync('from/here', '1', { qos: 1 })
        await there.client.publishAsync('from/there', '2', { qos: 1 })
        await local.saw('from/there 2')
        await there.saw('from/here 1')
        await local.client.publishAsync('fence', '3', { qos: 1 })
        await there.saw('fence 3')
        await there.client.publishAsync('fence', '4', { qos: 1 })
        await local.saw('fence 4')
        const all = ['fence 3', 'fence 4', 'from/here 1', 'from/there 2']
        assert.deepEqual(there.seen.toSorted(), all)
        assert.deepEqual(local.seen.toSorted(), all)
      }
      // from the log, which records where each message came from
      await using again = await startBridged({ port, topics, folder })
      await again.connected()
      await again.caughtUp()
      const here = await again.client()
      await here.publishAsync('fence', '5', { qos: 1 })
      await there.saw('fence 5')
      assert.equal(there.seen.length, 5)
      await here.endAsync()
    })

  it('receives each of its messages back only once from an old broker without bridge support', async () => {
    await using mosquitto = await startMosquitto()
    await using old = await withoutMqtt5(mosquitto.port)
    await using there = await readerOf(mosquitto.port)
    const settings = { bridgeBit: 'off' }
    await using at = await startBridged({ port: old.port, topics: '# both 1', settings })
    await at.connected()
    await using local = await readLocal(at)
    await local.client.publishAsync('t', '1', { qos: 1 })
    await local.count(2)
    await local.client.publishAsync('t', '2', { qos: 1 })
    await local.count(4)
    assert.deepEqual(there.seen, ['t 1', 't 2'])
    assert.deepEqual(local.seen.toSorted(), ['t 1', 't 1', 't 2', 't 2'])
  })

  it('continues where it stopped after the other broker was away', async () => {
    const port = await freePort()
    await using at = await startBridged({ port })
    await at.logged(({ msg }) => msg === 'the other broker of the bridge cannot be reached')
    const here = await at.client()
    const sent = numbered(1_000).map((n) => `t/${n % 3} ${n}`)
    await Promise.all(
      sent.map((text, n) => {
        const [topic = '', payload = ''] = text.split(' ')
        return here.publishAsync(topic, payload, { qos: n % 10 === 0 ? 0 : 1 })
      }),
    )
    assert.equal(await at.metric('wott_bridge_lag_messages'), 1_000)
    assert.ok(Number(await at.metric('wott_bridge_lag_seconds')) > 0)
    const answer = await fetch(`http://127.0.0.1:${at.ports.ops}/readyz`)
    assert.equal(answer.status, 200)
    const { status, checks } = (await answer.json()) as {
      status: string
      checks: Record<string, string>
    }
    assert.equal(status, 'degraded')
    assert.match(checks.bridge ?? '', /nothing is listening on 127\.0\.0\.1/)
    await using _ = await startMosquitto({ port })
    await using there = await readerOf(port)
    await there.count(1_000)
    // with QoS 0 a message overtakes those of other topics that are being stored
    const byTopic = (texts: readonly string[]) => Map.groupBy(texts, (text) => text.split(' ')[0])
    assert.deepEqual(byTopic(firstOf(there.seen)), byTopic(sent))
    await at.caughtUp()
    assert.equal(await at.metric('wott_bridge_lag_seconds'), 0)
    assert.equal(await at.metric('wott_bridge_lost_total{reason="no_room"}'), 0)
    await here.endAsync()
  })

  it('remembers its position, and what waits, over restarts', async () => {
    const port = await freePort()
    const folder = storeFolder()
    {
      await using at = await startBridged({ port, folder })
      const here = await at.client()
      for (const n of numbered(10)) await here.publishAsync('t', `${n}`, { qos: 1 })
      await here.endAsync()
    }
    await using _ = await startMosquitto({ port })
    await using there = await readerOf(port)
    {
      await using at = await startBridged({ port, folder })
      await there.count(10)
      await at.caughtUp()
    }
    await using at = await startBridged({ port, folder })
    await at.connected()
    const here = await at.client()
    await here.publishAsync('t', '10', { qos: 1 })
    await there.count(11)
    assert.deepEqual(
      there.seen,
      numbered(11).map((n) => `t ${n}`),
    )
    await here.endAsync()
  })

  it('receives what was published while it was away', async () => {
    await using mosquitto = await startMosquitto()
    const folder = storeFolder()
    const options = { port: mosquitto.port, folder, topics: '# in 1' }
    {
      await using at = await startBridged(options)
      await at.connected()
    }
    const there = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    for (const n of numbered(20)) await there.publishAsync('t', `${n}`, { qos: 1 })
    await using at = await startBridged(options)
    await using local = await readLocal(at)
    await there.publishAsync('t', '20', { qos: 1 })
    await local.saw('t 20')
    assert.equal(await at.metric('wott_bridge_received_total{result="accepted"}'), 21)
    await there.endAsync()
  })

  it('connects two gateways through one broker without a loop', async () => {
    await using mosquitto = await startMosquitto()
    const topics = '# both 1'
    await using one = await startBridged({ port: mosquitto.port, topics, clientId: 'one' })
    await using two = await startBridged({ port: mosquitto.port, topics, clientId: 'two' })
    await Promise.all([one.connected(), two.connected()])
    await using atOne = await readLocal(one)
    await using atTwo = await readLocal(two)
    for (const n of numbered(10)) await atOne.client.publishAsync('one', `${n}`, { qos: 1 })
    for (const n of numbered(10)) await atTwo.client.publishAsync('two', `${n}`, { qos: 1 })
    await atOne.count(20)
    await atTwo.count(20)
    await Promise.all([one.caughtUp(), two.caughtUp()])
    await atOne.client.publishAsync('fence', '1', { qos: 1 })
    await atTwo.saw('fence 1')
    await atTwo.client.publishAsync('fence', '2', { qos: 1 })
    await atOne.saw('fence 2')
    assert.equal(atOne.seen.length, 22)
    assert.equal(atTwo.seen.length, 22)
  })
})
