// The honest device, a separate process that answers jobs: it publishes at a steady rate, and measures how long that takes.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { connectAsync, type MqttClient } from 'mqtt'
import { answerJobs } from '../../bench/support/child.ts'

export type HonestJob =
  | {
      readonly kind: 'open'
      readonly ports: { readonly device: number; readonly mqtt: number }
      readonly directory: string
      readonly id: string
      /** The gateway's process. */
      readonly pid: number
    }
  | { readonly kind: 'run'; readonly seconds: number }

export interface HonestMeasured {
  /** Milliseconds of each POST with QoS 1, from its due time to its answer. */
  readonly http: number[]
  /** Milliseconds of each MQTT message, from its due time to the subscriber. */
  readonly mqtt: number[]
  /** Milliseconds of each new connection with one request, from its first packet to its answer. */
  readonly connect: number[]
  /**
   * Milliseconds of CPU time of the gateway's main thread during one of the first two: the work that delayed its answer, which does
   * not depend on other programs.
   */
  readonly work: number[]
  /** Failures: answers other than 200, missing messages, closed connections. */
  readonly failed: number
}

/** Milliseconds between two readings over HTTP, and also over MQTT. */
const PACE_MS = 20
const CONNECT_MS = 500
/** Longer than any bound on a healthy answer. */
const GIVE_UP_MS = 60_000

let host: Host | null = null

interface Host {
  readonly tls: RequestOptions
  readonly agent: Agent
  readonly client: MqttClient
  readonly topic: string
  readonly pid: number
}

answerJobs(async (job: HonestJob): Promise<HonestMeasured | null> => {
  if (job.kind === 'run' && host) return run(host, job.seconds)
  if (job.kind === 'open') host = await openHost(job)
  return null
})

async function openHost(job: HonestJob & { kind: 'open' }): Promise<Host> {
  const read = (name: string) => readFileSync(join(job.directory, name))
  const pair = { ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') }
  const client = await connectAsync(`mqtts://localhost:${job.ports.mqtt}`, {
    ...pair,
    clientId: 'honest',
    reconnectPeriod: 100,
    keepalive: 600,
  })
  // otherwise Nagle's algorithm holds the next message for up to 40 ms
  if ('setNoDelay' in client.stream) (client.stream as TLSSocket).setNoDelay(true)
  const topic = `dev/${job.id}/mqtt`
  await client.subscribeAsync(topic, { qos: 1 })
  const tls = { ...pair, host: 'localhost', port: job.ports.device }
  return { tls, agent: new Agent({ keepAlive: true, maxSockets: 8 }), client, topic, pid: job.pid }
}

async function run(host: Host, seconds: number): Promise<HonestMeasured> {
  const { tls, agent, client, topic, pid } = host
  const measured = {
    http: [] as number[],
    mqtt: [] as number[],
    connect: [] as number[],
    work: [] as number[],
  }
  const arrivals = new Map<string, () => void>()
  let failed = 0
  const path = `/topics/${topic.replace(/mqtt$/, 'http')}?qos=1`
  const fail = () => {
    failed += 1
  }

  async function measure(took: number[], due: number, work: Promise<unknown>): Promise<void> {
    const before = busyOf(pid)
    try {
      await Promise.race([work, giveUp()])
      took.push(performance.now() - due)
      if (took !== measured.connect) measured.work.push(busyOf(pid) - before)
    } catch {
      fail()
    }
  }

  async function publish(number: number): Promise<void> {
    const payload = String(number)
    const arrived = new Promise<void>((resolve) => arrivals.set(payload, resolve))
    await client.publishAsync(topic, payload, { qos: 1 })
    await arrived
  }

  const onMessage = (_: string, payload: Buffer) => arrivals.get(payload.toString())?.()
  client.on('message', onMessage)
  client.on('close', fail)
  const work: Promise<void>[] = []
  const started = performance.now()
  for (let number = 0; number * PACE_MS < seconds * 1000; number++) {
    const due = started + number * PACE_MS
    await pause(Math.max(0, due - performance.now()))
    work.push(measure(measured.http, due, ask({ ...tls, agent, path, method: 'POST' }, '1')))
    work.push(measure(measured.mqtt, due, publish(number)))
    if ((number * PACE_MS) % CONNECT_MS === 0)
      work.push(measure(measured.connect, due, ask({ ...tls, agent: false, path: '/whoami' })))
  }
  await Promise.all(work)
  client.off('message', onMessage)
  client.off('close', fail)
  return { ...measured, failed }
}

async function ask(options: RequestOptions, body?: string): Promise<void> {
  const asked = request(options)
  asked.end(body)
  const [response] = await once(asked, 'response')
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`answered with ${response.statusCode}`)
}

/** CPU time of the main thread of a process, in milliseconds. */
function busyOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ', 1)[0]) / 1e6
}

async function giveUp(): Promise<never> {
  await pause(GIVE_UP_MS, null, { ref: false })
  throw new Error('took too long')
}
