// The load generator of bench/http.ts, one process for each server.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { answerJobs, cpuOf } from './child.ts'
import { connectHttp, postRequest } from './http-connection.ts'
import { contextOf } from './peer.ts'

export interface HttpScenario {
  /** 1: as many connections as requests in flight; 2: one connection with as many streams. */
  readonly version: 1 | 2
  readonly qos: 0 | 1
  readonly inFlight: number
  /** By default a topic of one reading. */
  readonly path?: string
  /** By default 100 bytes that are not a number. */
  readonly body?: string
  /** Additional headers. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpTarget {
  readonly pid: number
  readonly httpsPort: number
  readonly sensorDirectory: string
}

export type HttpJob =
  | { readonly kind: 'open'; readonly target: HttpTarget; readonly scenario: HttpScenario }
  | { readonly kind: 'run'; readonly seconds: number }

export interface HttpMeasured {
  /** Answers per second. */
  readonly rate: number
  /** Microseconds of the server's CPU per answer. */
  readonly cost: number
  /** Share of the time that the server ran on its core, and that it waited while another program ran there. */
  readonly busy: number
  readonly waited: number
  /** Milliseconds from request to answer. */
  readonly p50: number
  readonly p99: number
}

/** Sends one publish and calls back with its status. */
type Lane = (onAnswer: (status: number) => void) => void

const WARM_MS = 200
const BODY = 'x'.repeat(100)

let lanes: Lane[] = []
let pid = 0

answerJobs(async (job: HttpJob): Promise<HttpMeasured | null> => {
  if (job.kind === 'run') return run(job.seconds)
  const { target, scenario } = job
  pid = target.pid
  lanes = await (scenario.version === 1 ? openHttp1 : openHttp2)(target, scenario)
  return null
})

function pathOf({ qos, path }: HttpScenario): string {
  return path ?? `/topics/bench/sensor-0/value?qos=${qos}`
}

async function openHttp1(target: HttpTarget, scenario: HttpScenario): Promise<Lane[]> {
  const context = contextOf(target.sensorDirectory)
  const body = Buffer.from(scenario.body ?? BODY)
  const request = postRequest(pathOf(scenario), body, scenario.headers)
  const opening = Array.from({ length: scenario.inFlight }, () =>
    connectHttp(target.httpsPort, context),
  )
  const connections = await Promise.all(opening)
  return connections.map((connection) => (onAnswer) => connection.send(request, onAnswer))
}

async function openHttp2(target: HttpTarget, scenario: HttpScenario): Promise<Lane[]> {
  const read = (name: string) => readFileSync(join(target.sensorDirectory, name))
  const session = connectHttp2(`https://localhost:${target.httpsPort}`, {
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
  })
  await once(session, 'connect')
  const body = Buffer.from(scenario.body ?? BODY)
  const headers = {
    ':method': 'POST',
    ':path': pathOf(scenario),
    'content-length': body.length,
    ...scenario.headers,
  }
  const lane: Lane = (onAnswer) => {
    const stream = session.request(headers)
    let status = 0
    stream.on('response', (received) => {
      status = Number(received[':status'])
    })
    stream.on('end', () => onAnswer(status)).resume()
    stream.end(body)
  }
  return Array.from({ length: scenario.inFlight }, () => lane)
}

async function run(seconds: number): Promise<HttpMeasured> {
  const took: number[] = []
  let counting = false
  let running = true

  async function keepPublishing(lane: Lane): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const publish = () => {
      const started = performance.now()
      lane((status) => {
        if (status !== 200) return reject(new Error(`answered with ${status}`))
        if (counting) took.push(performance.now() - started)
        if (running) publish()
        else resolve()
      })
    }
    publish()
    return promise
  }

  const finished = Promise.all(lanes.map(keepPublishing))
  await Promise.race([finished, setTimeout(WARM_MS)])
  counting = true
  const before = { time: performance.now() / 1000, ...cpuOf(pid) }
  await Promise.race([finished, setTimeout(seconds * 1000)])
  const after = { time: performance.now() / 1000, ...cpuOf(pid) }
  counting = false
  running = false
  await finished

  const time = after.time - before.time
  const busy = after.busy - before.busy
  took.sort((a, b) => a - b)
  const quantile = (part: number) => took[Math.floor(took.length * part)] ?? Number.NaN
  return {
    rate: took.length / time,
    cost: (busy / took.length) * 1e6,
    busy: busy / time,
    waited: (after.waited - before.waited) / time,
    p50: quantile(0.5),
    p99: quantile(0.99),
  }
}
