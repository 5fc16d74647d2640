import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import type { IClientOptions, IPublishPacket } from 'mqtt'
import {
  connackOf,
  follow,
  HOUR_SECONDS,
  httpGet,
  mqttClient,
  type Reader,
  version5,
} from './clients.ts'
import type { KillableGateway } from './gateway.ts'
import { FLEETING_SECONDS, type Ledger, startPublishers } from './publishers.ts'
import { checkStreams, type StreamReport } from './stream-report.ts'
import { startStream } from './streams.ts'

const FLEETING_MS = FLEETING_SECONDS * 1000
const SLACK_MS = 2_000
const IDENTIFIER = 5

export interface TrafficReport {
  readonly acknowledged: Record<string, number>
  /** Messages that were delivered although never acknowledged, as QoS 1 allows. */
  readonly unacknowledgedButKept: number
  readonly repeated: number
  readonly streams: StreamReport
}

/** Publishers and readers, with a check at the end that the readers have all messages. */
export async function startTraffic(gateway: KillableGateway) {
  const { ca, certificate: cert, key } = gateway.device
  const agent = new Agent({ ca, cert, key, keepAlive: true })
  const faults: string[] = []
  // one reader of each version stays connected, the other one reconnects at the end
  const version = { 5: version5('reader', HOUR_SECONDS), 3: {} } as const
  const readers = [
    await subscribed(gateway, 'reader', version[3]),
    await subscribed(gateway, 'reader5', version[5], (packet) => checkProperties(packet, faults)),
  ]
  const sleepers = { sleeper: version[3], sleeper5: version[5] }
  for (const [clientId, options] of Object.entries(sleepers)) {
    const { client } = await subscribed(gateway, clientId, options)
    await client.endAsync(true)
  }
  const stream = startStream(gateway)
  const publishers = startPublishers(gateway, agent)
  const { ledger } = publishers
  await stream.begun()

  async function check(): Promise<TrafficReport> {
    const everything = Object.entries(ledger.acknowledged).flatMap(([kind, payloads]) =>
      isFleeting(kind) ? [] : [...payloads.keys()],
    )
    for (const each of readers) await each.has(everything)
    // after this time all short-lived messages have expired
    await pause(FLEETING_MS)
    for (const [clientId, options] of Object.entries(sleepers)) {
      const woken = follow(mqttClient(gateway, clientId, options), (packet) => {
        if (options === version[5]) checkProperties(packet, faults)
      })
      await woken.has(everything)
      for (const payload of woken.seen.keys())
        assert.ok(!isFleeting(payload), `${payload} came to ${clientId} after its time`)
      readers.push(woken)
    }
    for (const { client } of readers) await client.endAsync()
    assert.deepEqual(faults, [])
    for (const each of readers) checkSeen(each, ledger)
    await checkRetained(gateway, agent, ledger)
    const streams = await checkStreams(gateway, stream, ledger)
    return { ...toReport(readers, ledger, everything.length), streams }
  }

  return {
    stop: publishers.stop,
    check,
    [Symbol.dispose]() {
      publishers[Symbol.dispose]()
      stream[Symbol.dispose]()
      agent.destroy()
      for (const { client } of readers) client.end(true)
    },
  }
}

const isFleeting = (payload: string) => payload.startsWith('fleeting')

async function subscribed(
  gateway: KillableGateway,
  clientId: string,
  options: IClientOptions,
  onPacket?: (packet: IPublishPacket) => void,
): Promise<Reader> {
  const reader = follow(mqttClient(gateway, clientId, options), onPacket)
  await connackOf(reader.client)
  const properties = { subscriptionIdentifier: IDENTIFIER }
  await reader.client.subscribeAsync(['drill/#', 'fleeting/#'], { qos: 2, properties })
  return reader
}

/** Checks that a message still has its MQTT 5 properties. */
function checkProperties(
  { topic, payload, properties = {} }: IPublishPacket,
  faults: string[],
): void {
  const { userProperties, contentType, messageExpiryInterval: left = 0 } = properties
  if (properties.subscriptionIdentifier !== IDENTIFIER)
    faults.push(`${payload} came without its subscription identifier`)
  if (!topic.startsWith('drill/mqtt5')) return
  if (userProperties?.payload !== String(payload) || contentType !== 'text/plain')
    faults.push(`${payload} lost its properties: ${JSON.stringify(properties)}`)
  if (left <= 0 || left > HOUR_SECONDS) faults.push(`${payload} came with ${left} seconds left`)
}

function checkSeen({ seen, arrived }: Reader, { sent, acknowledged }: Ledger): void {
  for (const [payload, count] of seen) {
    assert.ok(sent.has(payload), `${payload} came, and nobody sent it`)
    const kind = payload.split('-').slice(0, -2).join('-')
    if (kind.endsWith('qos2')) assert.equal(count, 1, `${payload} came ${count} times`)
    const taken = acknowledged[kind]?.get(payload)
    if (!isFleeting(kind) || taken === undefined) continue
    const late = (arrived.get(payload) ?? 0) - taken
    assert.ok(late < FLEETING_MS + SLACK_MS, `${payload} came ${late} ms after it was taken`)
  }
}

async function checkRetained(
  { ports }: KillableGateway,
  agent: Agent,
  { retained }: Ledger,
): Promise<void> {
  for (const [topic, number] of retained.acknowledged) {
    const kept = Number(await httpGet(agent, ports.https, topic))
    assert.ok(
      kept >= number && kept <= (retained.sent.get(topic) ?? 0),
      `${topic} holds ${kept}, acknowledged ${number}`,
    )
  }
  assert.equal(await httpGet(agent, ports.https, 'fleeting/http'), null)
}

function toReport(
  readers: readonly Reader[],
  { acknowledged, retained }: Ledger,
  count: number,
): Omit<TrafficReport, 'streams'> {
  const kinds = Object.entries(acknowledged).map(([kind, { size }]) => [kind, size] as const)
  const counts = readers.flatMap(({ seen }) => [...seen.values()])
  return {
    acknowledged: { ...Object.fromEntries(kinds), retained: retained.acknowledged.size },
    unacknowledgedButKept: (readers.at(-1)?.seen.size ?? 0) - count,
    repeated: counts.filter((times) => times > 1).length,
  }
}
