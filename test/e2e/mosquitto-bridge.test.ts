import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import mqttClient from 'mqtt'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { startMosquitto } from '../support/mosquitto.ts'

describe('a Mosquitto with a bridge to the gateway', () => {
  it('passes messages both ways, each once', async () => {
    await using at = await startGateway({ acl: 'pattern readwrite #\n' })
    const [bridge, device] = [
      await at.pki.issue('bridge.d.wott.local'),
      await at.pki.issue('device.d.wott.local'),
    ]
    await using mosquitto = await startMosquitto({
      lines: [
        'connection gateway',
        `address localhost:${at.ports.mqtt}`,
        'topic # both 1',
        'notifications false',
        `bridge_cafile ${bridge.caFile}`,
        `bridge_certfile ${bridge.certFile}`,
        `bridge_keyfile ${bridge.keyFile}`,
      ],
    })
    const there = await mqtt(at, device)
    const here = await mqttClient.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    const [seenThere, seenHere] = [messagesOf(there), messagesOf(here)]
    await Promise.all([there.subscribeAsync('#', { qos: 1 }), here.subscribeAsync('#', { qos: 1 })])
    // retained, so that it arrives as soon as the bridge has subscribed
    await there.publishAsync('open', 'v', { qos: 1, retain: true })
    assert.deepEqual(await topicsOf(seenHere, 1), ['open'])
    await here.publishAsync('from/here', 'x', { qos: 1 })
    await there.publishAsync('from/there', 'y', { qos: 1 })
    assert.deepEqual(await topicsOf(seenHere, 2), ['from/here', 'from/there'])
    // a message that came back would arrive before the fence
    await here.publishAsync('fence', 'z', { qos: 1 })
    assert.deepEqual(await topicsOf(seenHere, 1), ['fence'])
    assert.deepEqual(await topicsOf(seenThere, 4), ['fence', 'from/here', 'from/there', 'open'])
    await Promise.all([there.endAsync(), here.endAsync()])
  })
})

async function topicsOf({ next }: ReturnType<typeof messagesOf>, count: number): Promise<string[]> {
  const topics: string[] = []
  while (topics.length < count) topics.push((await next()).topic)
  return topics.sort()
}
