import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectAsync, type MqttClient } from 'mqtt'
import { type KillableGateway, startKillable } from '../drill/gateway.ts'
import { freePort } from '../support/free-port.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { firstOf, readerOf, readFrom, startBridged } from './site.ts'

const TOPICS = 5

/** `TOPIC NUMBER` of that many messages, spread over the topics. */
function texts(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `t/${n % TOPICS} ${n}`)
}

/** A client of that gateway; with a client id its session is persistent. */
function connect(at: KillableGateway, clientId?: string): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: at.ports.mqtts,
    protocolVersion: 5,
    ca: at.device.ca,
    cert: at.device.certificate,
    key: at.device.key,
    reconnectPeriod: clientId === undefined ? 0 : 50,
    ...(clientId === undefined
      ? {}
      : { clientId, clean: false, properties: { sessionExpiryInterval: 3_600 } }),
  })
}

function connectedAgain(client: MqttClient): Promise<void> {
  // ignores errors while its broker is away
  client.on('error', () => {})
  return new Promise((resolve) => client.once('connect', () => resolve()))
}

async function publishAll(client: MqttClient, all: readonly string[]): Promise<void> {
  await Promise.all(
    all.map((text) => {
      const [topic = '', payload = ''] = text.split(' ')
      return client.publishAsync(topic, payload, { qos: 1 })
    }),
  )
}

/** Asserts that none is lost or invented, and that the first copies within a topic are in order. */
function assertAllCame(seen: readonly string[], sent: readonly string[]): void {
  const first = firstOf(seen)
  assert.equal(first.length, sent.length)
  assert.deepEqual(first.toSorted(), sent.toSorted())
  for (let topic = 0; topic < TOPICS; topic++) {
    const own = (all: readonly string[]) => all.filter((text) => text.startsWith(`t/${topic} `))
    assert.deepEqual(own(first), own(sent))
  }
}

describe('a bridge', () => {
  it('loses nothing when its gateway is killed again and again', async () => {
    const port = await freePort()
    await using at = await startKillable({
      WOTT_BRIDGE: `mqtt://127.0.0.1:${port}`,
      WOTT_BRIDGE_PENDING: '50',
    })
    const sent = texts(1_200)
    const client = await connect(at)
    await publishAll(client, sent)
    await client.endAsync(true)
    await at.kill()
    await using _ = await startMosquitto({ port })
    await using there = await readerOf(port)
    for (const count of [200, 800]) {
      await at.restart()
      await there.count(count)
      await at.kill()
    }
    await at.restart()
    await there.saw(sent.at(-1) as string)
    assertAllCame(there.seen, sent)
    // repeats are bounded, as the position is stored every second
    assert.ok(there.seen.length < 2 * sent.length)
  })

  it('loses nothing when the other broker, a gateway with mTLS, is killed again and again', async () => {
    await using remote = await startKillable()
    const reader = await connect(remote, 'reader')
    await using there = await readFrom(reader)
    await using at = await startBridged({
      port: 0,
      settings: {
        bridge: `mqtts://localhost:${remote.ports.mqtts}`,
        bridgeCaFile: remote.device.caFile,
        bridgeCertFile: remote.device.certFile,
        bridgeKeyFile: remote.device.keyFile,
        bridgeTopics: '# both 1',
      },
    })
    await at.connected()
    const here = await at.client()
    const sent = texts(1_200)
    const publishing = (async () => {
      for (let n = 0; n < sent.length; n += 20) await publishAll(here, sent.slice(n, n + 20))
    })()
    for (const count of [200, 800]) {
      await there.count(count)
      const back = connectedAgain(reader)
      await remote.kill()
      await remote.restart()
      await back
    }
    await publishing
    await there.saw(sent.at(-1) as string)
    assertAllCame(there.seen, sent)
    await here.endAsync()
    await at.caughtUp()
  })

  it('receives again what the other broker repeats after a crash, and loses nothing', async () => {
    await using mosquitto = await startMosquitto()
    await using at = await startKillable({
      WOTT_BRIDGE: `mqtt://127.0.0.1:${mosquitto.port}`,
      WOTT_BRIDGE_TOPICS: '# in 1',
    })
    const there = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    // the bridge is subscribed once this message arrives
    const reader = await connect(at, 'reader')
    await using local = await readFrom(reader)
    await there.publishAsync('ready', '', { qos: 1, retain: true })
    await local.saw('ready ')
    const sent = texts(1_000)
    const publishing = (async () => {
      for (let n = 0; n < sent.length; n += 20) await publishAll(there, sent.slice(n, n + 20))
    })()
    for (const count of [100, 500]) {
      await local.count(count)
      const back = connectedAgain(reader)
      await at.kill()
      await at.restart()
      await back
    }
    await publishing
    await local.saw(sent.at(-1) as string)
    assertAllCame(
      local.seen.filter((text) => !text.startsWith('ready')),
      sent,
    )
    await there.endAsync()
  })
})
