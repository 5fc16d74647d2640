import { type Agent, request } from 'node:https'
import {
  connect,
  type IClientOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt'
import type { Credentials } from '../support/pki.ts'
import type { KillableGateway } from './gateway.ts'

const SILENCE_MS = 30_000
export const HOUR_SECONDS = 3_600

/** A client with a session, by default with MQTT 3.1.1. It reconnects by itself, and resends unacknowledged messages. */
export function mqttClient(
  { device, ports }: { readonly device: Credentials; readonly ports: { readonly mqtts: number } },
  clientId: string,
  options: IClientOptions = {},
): MqttClient {
  const client = connect({
    protocol: 'mqtts',
    host: 'localhost',
    port: ports.mqtts,
    ca: device.ca,
    cert: device.certificate,
    key: device.key,
    clientId,
    clean: false,
    reconnectPeriod: 50,
    resubscribe: false,
    connectTimeout: 2000,
    ...options,
  })
  client.on('error', () => {})
  return client
}

/** Options of MQTT 5 with a session of some seconds and, if a delay is given, a will with the client's name as payload. */
export function version5(clientId: string, expiry: number, willDelay?: number): IClientOptions {
  const properties = { sessionExpiryInterval: expiry }
  if (willDelay === undefined) return { protocolVersion: 5, properties }
  const will = { topic: `wills/${clientId}`, payload: Buffer.from(clientId), qos: 1, retain: false }
  return {
    protocolVersion: 5,
    properties,
    will: { ...will, qos: 1, properties: { willDelayInterval: willDelay } },
  }
}

/** Connects a client of MQTT 5 that does not reconnect. */
export async function connected5(
  gateway: KillableGateway,
  clientId: string,
  expiry: number,
  willDelay?: number,
): Promise<Reader & { readonly isPresent: boolean }> {
  const options = { ...version5(clientId, expiry, willDelay), reconnectPeriod: 0 }
  const client = mqttClient(gateway, clientId, options)
  const reader = follow(client)
  const { sessionPresent } = await connackOf(client)
  return { ...reader, isPresent: sessionPresent }
}

/** Rejects if the client is refused, and does not try again. */
export async function connackOf(client: MqttClient): Promise<IConnackPacket> {
  const { promise, resolve, reject } = Promise.withResolvers<IConnackPacket>()
  client.once('connect', resolve)
  if (client.options.reconnectPeriod === 0)
    client.once('close', () => reject(new Error(`${client.options.clientId} was not let in`)))
  return promise
}

/** The messages that one client received. */
export interface Reader {
  readonly client: MqttClient
  /** How often each payload came. */
  readonly seen: Map<string, number>
  /** When each came first. */
  readonly arrived: Map<string, number>
  /** Resolves once all of these have come. */
  has(payloads: readonly string[]): Promise<void>
}

export function follow(
  client: MqttClient,
  onPacket: (packet: IPublishPacket) => void = () => {},
): Reader {
  const seen = new Map<string, number>()
  const arrived = new Map<string, number>()
  let check = () => {}
  client.on('message', (_topic, payload, packet) => {
    const text = payload.toString()
    seen.set(text, (seen.get(text) ?? 0) + 1)
    if (!arrived.has(text)) arrived.set(text, Date.now())
    onPacket(packet)
    check()
  })

  async function has(payloads: readonly string[]): Promise<void> {
    let missing = payloads.filter((payload) => !seen.has(payload))
    // many messages take long, so only silence counts as a loss
    let deadline = Date.now() + SILENCE_MS
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setInterval(() => {
      if (Date.now() < deadline) return
      missing = missing.filter((payload) => !seen.has(payload))
      reject(new Error(`${missing.length} acknowledged messages never came, such as ${missing[0]}`))
    }, 1000)
    check = () => {
      deadline = Date.now() + SILENCE_MS
      if (missing.length > 0 && seen.has(missing[0] as string))
        missing = missing.filter((payload) => !seen.has(payload))
      if (missing.length === 0) resolve()
    }
    check()
    await promise.finally(() => clearInterval(timer))
  }

  return { client, seen, arrived, has }
}

/** Whether the gateway answered 200. */
export async function httpPost(
  agent: Agent,
  port: number,
  topic: string,
  payload: string,
  query: string,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  request(
    { agent, host: 'localhost', port, method: 'POST', path: `/topics/${topic}?${query}` },
    (response) => {
      response.resume()
      response.on('close', () => resolve(response.complete && response.statusCode === 200))
    },
  )
    .on('error', () => setTimeout(() => resolve(false), 20))
    .end(payload)
  return promise
}

/** The retained payload; null if there is none. */
export async function httpGet(agent: Agent, port: number, topic: string): Promise<string | null> {
  const { promise, resolve, reject } = Promise.withResolvers<string | null>()
  request({ agent, host: 'localhost', port, path: `/topics/${topic}` }, async (response) => {
    const body = Buffer.concat(await Array.fromAsync(response)).toString()
    if (response.statusCode === 200) resolve(body)
    else if (response.statusCode === 404) resolve(null)
    else reject(new Error(`GET ${topic} was answered ${response.statusCode}: ${body}`))
  })
    .on('error', reject)
    .end()
  return promise
}
