import type { Agent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { HOUR_SECONDS, httpPost, mqttClient, version5 } from './clients.ts'
import type { KillableGateway } from './gateway.ts'

/** The most messages of one publisher that wait for an answer. */
const IN_FLIGHT = 8
const IN_FLIGHT_5 = 4
const RETAINED_TOPICS = 20
const FLEETING_PACE_MS = 20
export const FLEETING_SECONDS = 1
/** Longer than any outage: the client always reconnects earlier. */
const WILL_SECONDS = 60

/** A record of all messages. Each payload contains its kind, and is sent once. */
export interface Ledger {
  readonly sent: ReadonlySet<string>
  /** When each was acknowledged, by kind. */
  readonly acknowledged: Readonly<Record<string, ReadonlyMap<string, number>>>
  /** The last of each topic. */
  readonly retained: {
    readonly sent: ReadonlyMap<string, number>
    readonly acknowledged: ReadonlyMap<string, number>
  }
}

export interface Publishers extends Disposable {
  readonly ledger: Ledger
  /** Stops after the last answer of each publisher. */
  stop(): Promise<void>
}

/** Publishes one message; resolves to whether it was acknowledged. */
type Send = (topic: string, payload: string) => Promise<boolean>

/** Devices that publish over HTTP, MQTT 3.1.1 and MQTT 5 until they are stopped. */
export function startPublishers(gateway: KillableGateway, agent: Agent): Publishers {
  const sent = new Set<string>()
  const acknowledged: Record<string, Map<string, number>> = {}
  const retained = { sent: new Map<string, number>(), acknowledged: new Map<string, number>() }
  const work: Promise<void>[] = []
  const clients = {
    v3: mqttClient(gateway, 'publisher'),
    v5: mqttClient(gateway, 'publisher5', version5('publisher5', HOUR_SECONDS, WILL_SECONDS)),
  }
  const post = (query: string) => (topic: string, payload: string) =>
    httpPost(agent, gateway.ports.https, topic, payload, query)
  let publishing = true

  async function repeat(kind: string, topic: string, lane: number, send: Send): Promise<void> {
    const known = acknowledged[kind] ?? new Map<string, number>()
    acknowledged[kind] = known
    for (let number = 0; publishing; number++) {
      const payload = `${kind}-${lane}-${number}`
      sent.add(payload)
      if (await send(topic, payload)) known.set(payload, Date.now())
    }
  }

  async function retain(): Promise<void> {
    for (let number = 1; publishing; number++) {
      const topic = `kept/${number % RETAINED_TOPICS}`
      retained.sent.set(topic, number)
      if (await post('qos=1&retain=true')(topic, String(number)))
        retained.acknowledged.set(topic, number)
    }
  }

  function overMqtt(qos: 1 | 2): Send {
    return (topic, payload) => isTaken(clients.v3.publishAsync(topic, payload, { qos }))
  }

  function overMqtt5(qos: 1 | 2, messageExpiryInterval: number): Send {
    return (topic, payload) => {
      const userProperties = { payload }
      const properties = { contentType: 'text/plain', userProperties, messageExpiryInterval }
      return isTaken(clients.v5.publishAsync(topic, payload, { qos, properties }))
    }
  }

  for (let lane = 0; lane < IN_FLIGHT; lane++) {
    work.push(repeat('http', `drill/http/${lane}`, lane, post('qos=1')))
    for (const qos of [1, 2] as const)
      work.push(repeat(`qos${qos}`, `drill/qos${qos}/${lane}`, lane, overMqtt(qos)))
  }
  for (let lane = 0; lane < IN_FLIGHT_5; lane++)
    for (const qos of [1, 2] as const) {
      const send = overMqtt5(qos, HOUR_SECONDS)
      work.push(repeat(`mqtt5-qos${qos}`, `drill/mqtt5/${qos}/${lane}`, lane, send))
    }
  const expiring = post(`qos=1&retain=true&messageExpiry=${FLEETING_SECONDS}`)
  work.push(
    repeat('fleeting', 'fleeting/mqtt', 0, paced(overMqtt5(1, FLEETING_SECONDS))),
    repeat('fleeting-retained', 'fleeting/http', 0, paced(expiring)),
    retain(),
  )

  return {
    ledger: { sent, acknowledged, retained },
    async stop() {
      publishing = false
      await Promise.all(work)
      for (const client of Object.values(clients)) await client.endAsync()
    },
    [Symbol.dispose]() {
      publishing = false
      for (const client of Object.values(clients)) client.end(true)
    },
  }
}

function paced(send: Send): Send {
  return async (topic, payload) => {
    await pause(FLEETING_PACE_MS)
    return send(topic, payload)
  }
}

/** Refused by the client while it reconnects, or by the gateway; these cannot be told apart. */
function isTaken(published: Promise<unknown>): Promise<boolean> {
  return published.then(
    () => true,
    () => false,
  )
}
