import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import {
  eventSource,
  http1,
  http2,
  http2Session,
  messagesOf,
  mqtt,
  mqttOverWebSocket,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'

const ACL = `user device.d.wott.local
topic write in/yes/#
topic read out/yes/#
topic read cmd/device.d.wott.local/yes/#
user other.d.wott.local
topic readwrite #
`

describe('the same rules decide for every way in and every way out', () => {
  let at: TestGateway
  let device: Credentials
  let other: Credentials

  before(async () => {
    at = await startGateway({ acl: ACL, settings: { influxTopic: 'in/{measurement}/{field}' } })
    device = await at.pki.issue('device.d.wott.local')
    other = await at.pki.issue('other.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  /** Each way in publishes its own name as the payload. */
  const waysIn: Record<string, (topic: string) => Promise<unknown>> = {
    'HTTP/1.1': (topic) =>
      http1(at, device, { method: 'POST', path: `/topics/${topic}`, body: 'x' }),
    'HTTP QoS 1': (topic) =>
      http1(at, device, { method: 'POST', path: `/topics/${topic}?qos=1`, body: 'x' }),
    'HTTP retained': (topic) =>
      http1(at, device, { method: 'POST', path: `/topics/${topic}?retain=true`, body: 'x' }),
    async 'HTTP/2'(topic) {
      const session = http2Session(at, device)
      await http2(session, { ':method': 'POST', ':path': `/topics/${topic}` }, 'x')
      session.close()
    },
    NDJSON: (topic) =>
      http1(at, device, {
        method: 'POST',
        path: '/topics',
        headers: { 'content-type': 'application/x-ndjson' },
        body: JSON.stringify({ topic, payload: 'x' }),
      }),
    'line protocol'(topic) {
      const [, measurement, field] = topic.split('/')
      const body = `${measurement} ${field}="x"`
      return http1(at, device, { method: 'POST', path: '/api/v2/write', body })
    },
    async 'a reply to a command'(topic) {
      // commands wait from the first time that the device asks for them
      await http1(at, device, { path: '/commands' })
      const asking = await mqtt(at, other, { protocolVersion: 5 })
      const command = 'cmd/device.d.wott.local/yes/ask'
      await asking.publishAsync(command, 'x', { qos: 1, properties: { responseTopic: topic } })
      await asking.endAsync()
      const { json } = await http1(at, device, { path: '/commands?wait=10' })
      const [{ id }] = json.commands
      await http1(at, device, { method: 'POST', path: `/commands/${id}/reply`, body: 'x' })
      await http1(at, device, { method: 'DELETE', path: `/commands/${id}` })
    },
    'MQTT QoS 0': (topic) => publishOverMqtt(topic, 0),
    'MQTT QoS 1': (topic) => publishOverMqtt(topic, 1),
    'MQTT QoS 2': (topic) => publishOverMqtt(topic, 2),
    async 'MQTT over WebSocket'(topic) {
      const client = await mqttOverWebSocket(at, device)
      await client.publishAsync(topic, 'x', { qos: 1 })
      await client.endAsync()
    },
    async 'a will'(topic) {
      const will = { topic, payload: Buffer.from('x'), qos: 1, retain: false } as const
      const client = await rawConnected(at, device, { clientId: 'will', will })
      client.socket.destroy()
      await client.closed
    },
  }

  async function publishOverMqtt(topic: string, qos: 0 | 1 | 2) {
    const client = await mqtt(at, device)
    await client.publishAsync(topic, 'x', { qos })
    await client.endAsync()
  }

  for (const [name, publish] of Object.entries(waysIn))
    it(`decide for a publish by ${name}`, async () => {
      const observer = await mqtt(at, other)
      const seen = messagesOf(observer)
      await observer.subscribeAsync('in/#', { qos: 1 })
      await publish('in/no/x')
      await publish('in/yes/x')
      // of the two messages only the allowed one is delivered
      let { topic, retain } = await seen.next()
      while (retain) ({ topic, retain } = await seen.next())
      assert.equal(topic, 'in/yes/x')
      await observer.endAsync()
    })

  /** Each way out, opened before `publish`, gives the topics of what it was handed, up to `out/yes/fence`. */
  const waysOut: Record<
    string,
    (publish: (retain: boolean) => Promise<void>) => Promise<string[]>
  > = {
    'MQTT live': (publish) => receiveOverMqtt(() => mqtt(at, device), publish, false),
    'MQTT retained': (publish) => receiveOverMqtt(() => mqtt(at, device), publish, true),
    'MQTT over WebSocket': (publish) =>
      receiveOverMqtt(() => mqttOverWebSocket(at, device), publish, false),
    async 'MQTT queued'(publish) {
      const clientId = 'queued'
      const away = await mqtt(at, device, { clientId, clean: false })
      await away.subscribeAsync('out/#', { qos: 1 })
      await away.endAsync()
      await publish(false)
      using back = await rawMqtt(at, device)
      back.send(connectPacket({ clientId, clean: false }))
      await back.next()
      return await upToFence(async () => ((await back.next()) as IPublishPacket).topic)
    },
    async 'MQTT shared'(publish) {
      const client = await mqtt(at, device, { protocolVersion: 5 })
      const seen = messagesOf(client)
      await client.subscribeAsync('$share/group/out/#', { qos: 1 })
      await publish(false)
      const topics = await upToFence(async () => (await seen.next()).topic)
      await client.endAsync()
      return topics
    },
    async 'stream live'(publish) {
      using events = await eventSource(at, device, '/topics/out/%23')
      await publish(false)
      return await upToFence(async () => JSON.parse((await events.next()).data).topic)
    },
    async 'stream retained'(publish) {
      await publish(true)
      using events = await eventSource(at, device, '/stream?filter=out/%23')
      return await upToFence(async () => JSON.parse((await events.next()).data).topic)
    },
    async 'GET of a retained message'(publish) {
      await publish(true)
      const topics = ['out/no/x', 'out/yes/fence']
      const answers = await Promise.all(
        ['/topics/', '/retainedMessage/'].flatMap((path) =>
          topics.map(
            async (topic) =>
              [topic, (await http1(at, device, { path: `${path}${topic}` })).status] as const,
          ),
        ),
      )
      for (const [topic, status] of answers) assert.equal(status, topic === 'out/no/x' ? 403 : 200)
      return ['out/yes/fence']
    },
  }

  it('decide for the list of retained messages', async () => {
    const publisher = await mqtt(at, other)
    const topics = ['out/no/x', 'out/yes/fence']
    for (const topic of topics) await publisher.publishAsync(topic, 'x', { qos: 1, retain: true })
    const { json } = await http1(at, device, { path: '/retainedMessage' })
    assert.deepEqual(
      json.retainedTopics.map(({ topic }: { topic: string }) => topic).filter(isOut),
      ['out/yes/fence'],
    )
    for (const topic of topics) await publisher.publishAsync(topic, '', { qos: 1, retain: true })
    await publisher.endAsync()
  })

  it('decide for commands', async () => {
    const publisher = await mqtt(at, other)
    for (const level of ['no', 'yes'])
      await publisher.publishAsync(`cmd/device.d.wott.local/${level}/x`, 'x', { qos: 1 })
    await publisher.endAsync()
    const { json } = await http1(at, device, { path: '/commands?wait=10' })
    assert.deepEqual(
      json.commands.map(({ topic }: { topic: string }) => topic),
      ['cmd/device.d.wott.local/yes/x'],
    )
  })

  function isOut(topic: string): boolean {
    return topic.startsWith('out/')
  }

  async function receiveOverMqtt(
    open: () => ReturnType<typeof mqtt>,
    publish: (retain: boolean) => Promise<void>,
    retain: boolean,
  ): Promise<string[]> {
    if (retain) await publish(true)
    const client = await open()
    const seen = messagesOf(client)
    await client.subscribeAsync('out/#', { qos: 1 })
    if (!retain) await publish(false)
    const topics = await upToFence(async () => (await seen.next()).topic)
    await client.endAsync()
    return topics
  }

  async function upToFence(next: () => Promise<string>): Promise<string[]> {
    const topics = [await next()]
    while (topics.at(-1) !== 'out/yes/fence') topics.push(await next())
    return topics
  }

  for (const [name, receive] of Object.entries(waysOut))
    it(`decide for a delivery by ${name}`, async () => {
      const publisher = await mqtt(at, other)
      const topics = await receive(async (retain) => {
        for (const topic of ['out/no/x', 'out/yes/fence'])
          await publisher.publishAsync(topic, 'x', { qos: 1, retain })
      })
      assert.deepEqual([...new Set(topics)], ['out/yes/fence'])
      for (const topic of ['out/no/x', 'out/yes/fence'])
        await publisher.publishAsync(topic, '', { qos: 1, retain: true })
      await publisher.endAsync()
    })

  it('are asked at every place where messages enter or leave (add new places to the tables above)', async () => {
    assert.deepEqual(await placesOf(/\bbroker\.publish\(/), [
      // waits for its connection, and passes on what the relay has allowed
      'lambda/patient-broker.ts',
      // the gateway's own messages about topics that fall silent
      'presence/own-messages.ts',
      'relay/relay.ts',
    ])
    assert.deepEqual(await placesOf(/\bbroker\.(?:subscribe|follow)\b/), [
      // counts the messages that wait, and forwards those of its topics
      'bridge/bridge.ts',
      // checks each delivery for the reader of the stream
      'live/live.ts',
      // notes when each topic was last published to
      'presence/presence.ts',
      // what devices publish, for metrics and the list of topics
      'presence/readings.ts',
    ])
    assert.deepEqual(await placesOf(/\bbroker\.retained\b/), [
      // its own announcements and status messages
      'home-assistant/home-assistant.ts',
      'http/read.ts',
      'http/retained-list.ts',
      // a stream checks each message before it writes it
      'live/catch-up.ts',
      'presence/restoring.ts',
    ])
    assert.deepEqual(await placesOf(/\brelay\.publish\(/), [
      // messages from the other broker of a bridge
      'bridge/inbox.ts',
      'http/commands.ts',
      'http/influx/routes.ts',
      'http/plain-publish.ts',
      'http/publish-many.ts',
      'http/publish.ts',
      'mqtt/mqtt.ts',
      'mqtt/receive.ts',
    ])
    assert.deepEqual(await placesOf(/ publishPacket\(/), [
      ...['mqtt/encode-publish.ts', 'mqtt/message-packet.ts', 'mqtt/shared-frames.ts'],
    ])
    assert.deepEqual(await placesOf(/\.accept\(/), ['http/device-door.ts', 'mqtt/listeners.ts'])
  })
})

async function placesOf(pattern: RegExp): Promise<string[]> {
  const root = resolve(import.meta.dirname, '../../src')
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')))
  return files.filter((_, index) => pattern.test(texts[index] ?? '')).sort()
}
