import assert from 'node:assert/strict'
import type { MqttClient } from 'mqtt'
import { messagesOf, mqtt, mqttOverWebSocket } from '../../support/clients.ts'
import { connectClient } from '../../support/packet-client.ts'
import type { Visitor } from '../visits.ts'

const HOUR_SECONDS = 3600

/** Publishes with each QoS, and receives its own messages. */
async function echo(client: MqttClient, topic: string, filter = topic): Promise<void> {
  const messages = messagesOf(client)
  await client.subscribeAsync(filter, { qos: 2 })
  for (const qos of [0, 1, 2] as const) {
    await client.publishAsync(topic, `with QoS ${qos}`, { qos })
    assert.equal((await messages.next()).payload, `with QoS ${qos}`)
  }
}

/** Resolves once the connection has ended. */
export function closing(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', () => resolve()))
}

/** Closes the connection without DISCONNECT. */
async function drop(client: MqttClient): Promise<void> {
  const closed = closing(client)
  client.stream.destroy()
  await closed
  client.end(true)
}

export async function mqtt3Visit({ site, device, root }: Visitor): Promise<void> {
  const client = await mqtt(site, device, { clean: true })
  await echo(client, `${root}/mqtt3`, `${root}/+`)
  await client.unsubscribeAsync(`${root}/+`)
  await client.endAsync()
}

/** Uses a shared subscription and topic aliases, and leaves without DISCONNECT. */
export async function mqtt5Visit({ site, device, root }: Visitor): Promise<void> {
  const client = await mqtt(site, device, { protocolVersion: 5, autoAssignTopicAlias: true })
  await echo(client, `${root}/mqtt5`, `$share/group/${root}/mqtt5`)
  await drop(client)
}

/** Two persistent sessions that queue messages while their clients are offline. */
export async function queueVisit({ site, device, root, lane }: Visitor): Promise<void> {
  const topic = `${root}/queue`
  const connect = (version: 4 | 5) =>
    connectClient(site, device, `queue${version}-${lane}`, {
      version,
      clean: false,
      ...(version === 5 ? { properties: { sessionExpiryInterval: HOUR_SECONDS } } : {}),
    })
  for (const version of [4, 5] as const) {
    const client = await connect(version)
    await client.subscribe([{ topic, qos: 1 }])
    await (version === 5 ? client.drop() : client.disconnect())
  }
  const publisher = await mqtt(site, device)
  await publisher.publishAsync(topic, 'while you were away', { qos: 1 })
  await publisher.endAsync()
  for (const version of [4, 5] as const) {
    const client = await connect(version)
    assert.equal((await client.receive()).payload, 'while you were away')
    await client.disconnect()
  }
}

/** A will that is published, one that is cancelled in time, and a session that ends. */
export async function willVisit({ site, device, root, lane }: Visitor): Promise<void> {
  const topic = `${root}/will`
  const reader = await mqtt(site, device)
  const messages = messagesOf(reader)
  await reader.subscribeAsync(topic, { qos: 1 })
  const payload = Buffer.from('gone')
  await drop(await mqtt(site, device, { will: { topic, payload, qos: 1, retain: false } }))
  assert.equal((await messages.next()).payload, 'gone')
  const connect = () =>
    connectClient(site, device, `will-${lane}`, {
      clean: false,
      properties: { sessionExpiryInterval: HOUR_SECONDS },
      will: {
        topic,
        payload,
        qos: 1,
        retain: false,
        properties: { willDelayInterval: HOUR_SECONDS },
      },
    })
  await (await connect()).drop()
  await (await connect()).disconnect(0, 0)
  await reader.endAsync()
}

export async function webSocketVisit({ site, device, root }: Visitor): Promise<void> {
  const client = await mqttOverWebSocket(site, device)
  await echo(client, `${root}/ws`)
  await client.endAsync()
  await drop(await mqttOverWebSocket(site, device))
}
