import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type MqttClient } from 'mqtt'
import { type Credentials, createPki } from '../support/pki.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
/** Publishers wait for this many of their own answers at once. */
const IN_FLIGHT = 8
const RETAINED_TOPICS = 20
const SILENCE_MS = 30_000

export interface DrillReport {
  readonly rounds: number
  readonly acknowledged: Record<string, number>
  /** Sent, never acknowledged, and there all the same, as QoS 1 allows. */
  readonly unacknowledgedButKept: number
  readonly repeated: number
}

/**
 * Kills a gateway with a `file:` store `rounds` times at random moments while devices publish over
 * HTTP and MQTT, and rejects when anything acknowledged was lost, or anything came that nobody sent.
 */
export async function crashDrill(rounds: number): Promise<DrillReport> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-drill-'))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost']
  const own = await pki.issue('gateway.d.wott.local', { names })
  const device = await pki.issue('device.d.wott.local')
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, 'pattern readwrite #\n')
  const [https, mqtts] = [await freePort(), await freePort()]
  const settings = {
    ...{
      WOTT_CERTS_DIR: own.directory,
      WOTT_ACL_FILE: aclFile,
      WOTT_BROKER: `file:${directory}/data`,
    },
    ...{ WOTT_DEVICE_LISTEN: `127.0.0.1:${https}`, WOTT_MQTT_LISTEN: `127.0.0.1:${mqtts}` },
    ...{ WOTT_VIEWER_LISTEN: 'off', WOTT_OPS_LISTEN: 'off', WOTT_PUBLISH_RATE: '0' },
    ...{ WOTT_SESSION_QUEUE: '1000000', WOTT_SESSION_QUEUE_BYTES: '1GiB', WOTT_LOG_LEVEL: 'info' },
  }
  let gateway = await start(settings)

  const sent = new Set<string>()
  const acknowledged: Record<string, Set<string>> = {
    http: new Set(),
    qos1: new Set(),
    qos2: new Set(),
  }
  const retainedSent = new Map<string, number>()
  const retainedAcknowledged = new Map<string, number>()
  let publishing = true
  const client = (clientId: string) => mqttClient(device, mqtts, clientId)

  // one reader is there all the time, the other one comes back at the end
  const reader = await subscribed(client('reader'))
  const sleeper = await subscribed(client('sleeper'))
  await sleeper.client.endAsync(true)

  async function publish(
    kind: string,
    lane: number,
    send: (topic: string, payload: string) => Promise<boolean>,
  ) {
    for (let number = 0; publishing; number++) {
      const payload = `${kind}-${lane}-${number}`
      sent.add(payload)
      if (await send(`drill/${kind}/${lane}`, payload)) acknowledged[kind]?.add(payload)
    }
  }

  const agent = new Agent({
    ca: device.ca,
    cert: device.certificate,
    key: device.key,
    keepAlive: true,
  })
  const post = (topic: string, payload: string, query: string) =>
    httpPost(agent, https, topic, payload, query)
  const publisher = client('publisher')
  const work: Promise<void>[] = []
  for (let lane = 0; lane < IN_FLIGHT; lane++) {
    work.push(publish('http', lane, (topic, payload) => post(topic, payload, 'qos=1')))
    for (const qos of [1, 2] as const)
      work.push(
        publish(`qos${qos}`, lane, async (topic, payload) => {
          // refused by the client itself while it reconnects: nobody knows
          return publisher.publishAsync(topic, payload, { qos }).then(
            () => true,
            () => false,
          )
        }),
      )
  }
  work.push(
    (async () => {
      for (let number = 1; publishing; number++) {
        const topic = `kept/${number % RETAINED_TOPICS}`
        retainedSent.set(topic, number)
        if (await post(topic, String(number), 'qos=1&retain=true'))
          retainedAcknowledged.set(topic, number)
      }
    })(),
  )

  try {
    for (let round = 0; round < rounds; round++) {
      await pause(50 + Math.random() * 950)
      gateway.kill('SIGKILL')
      await once(gateway, 'exit')
      gateway = await start(settings)
    }
    publishing = false
    await Promise.all(work)
    await publisher.endAsync()

    const everything = Object.values(acknowledged).flatMap((payloads) => [...payloads])
    await reader.has(everything)
    await reader.client.endAsync(true)
    const woken = follow(client('sleeper'))
    await woken.has(everything)
    await woken.client.endAsync(true)

    const seen = [reader.seen, woken.seen]
    for (const arrivals of seen)
      for (const [payload, count] of arrivals) {
        assert.ok(sent.has(payload), `${payload} came, and nobody sent it`)
        if (payload.startsWith('qos2')) assert.equal(count, 1, `${payload} came ${count} times`)
      }
    for (const [topic, number] of retainedAcknowledged) {
      const kept = Number(await httpGet(agent, https, topic))
      assert.ok(
        kept >= number && kept <= (retainedSent.get(topic) ?? 0),
        `${topic} holds ${kept}, acknowledged ${number}`,
      )
    }
    const repeated = seen.flatMap((arrivals) => [...arrivals.values()]).filter((count) => count > 1)
    return {
      rounds,
      acknowledged: {
        ...Object.fromEntries(Object.entries(acknowledged).map(([kind, { size }]) => [kind, size])),
        retained: retainedAcknowledged.size,
      },
      unacknowledgedButKept: woken.seen.size - everything.length,
      repeated: repeated.length,
    }
  } finally {
    publishing = false
    agent.destroy()
    for (const each of [publisher, reader.client]) each.end(true)
    gateway.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}

async function start(settings: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout))
    if (line.includes('"door":"device"')) break
  child.stdout.resume()
  return child
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Reconnects by itself, and repeats what was not acknowledged. */
function mqttClient(
  { ca, certificate, key }: Credentials,
  port: number,
  clientId: string,
): MqttClient {
  const client = connect({
    ...{ protocol: 'mqtts', host: 'localhost', port, ca, cert: certificate, key },
    ...{ clientId, clean: false, reconnectPeriod: 50, resubscribe: false, connectTimeout: 2000 },
  })
  client.on('error', () => {})
  return client
}

interface Reader {
  readonly client: MqttClient
  /** How often each payload came. */
  readonly seen: Map<string, number>
  /** Resolves once all of these have come. */
  has(payloads: readonly string[]): Promise<void>
}

function follow(client: MqttClient): Reader {
  const seen = new Map<string, number>()
  let check = () => {}
  client.on('message', (_topic, payload) => {
    const text = payload.toString()
    seen.set(text, (seen.get(text) ?? 0) + 1)
    check()
  })
  return {
    ...{ client, seen },
    async has(payloads) {
      let missing = payloads.filter((payload) => !seen.has(payload))
      // many take long, so only silence is a loss
      let deadline = Date.now() + SILENCE_MS
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const timer = setInterval(() => {
        if (Date.now() < deadline) return
        missing = missing.filter((payload) => !seen.has(payload))
        reject(
          new Error(`${missing.length} acknowledged messages never came, such as ${missing[0]}`),
        )
      }, 1000)
      check = () => {
        deadline = Date.now() + SILENCE_MS
        if (missing.length > 0 && seen.has(missing[0] as string))
          missing = missing.filter((payload) => !seen.has(payload))
        if (missing.length === 0) resolve()
      }
      check()
      await promise.finally(() => clearInterval(timer))
    },
  }
}

async function subscribed(client: MqttClient): Promise<Reader> {
  const reader = follow(client)
  await new Promise<void>((resolve) => client.once('connect', () => resolve()))
  await client.subscribeAsync('drill/#', { qos: 2 })
  return reader
}

/** Whether the gateway said 200. */
async function httpPost(
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

async function httpGet(agent: Agent, port: number, topic: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  request({ agent, host: 'localhost', port, path: `/topics/${topic}` }, async (response) =>
    resolve(Buffer.concat(await Array.fromAsync(response)).toString()),
  )
    .on('error', reject)
    .end()
  return promise
}

if (import.meta.main) {
  const [rounds = '200'] = process.argv.slice(2)
  process.stdout.write(`${JSON.stringify(await crashDrill(Number(rounds)))}\n`)
  process.exit()
}
