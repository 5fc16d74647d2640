// The load generator of bench/latency.ts: it publishes at a steady rate, and measures when a reader of each kind has the message.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { answerJobs, cpuOf } from './child.ts'
import { createFrameReader } from './frames.ts'
import { connectHttp, postRequest } from './http-connection.ts'
import { createLineReader } from './lines.ts'
import { connectPeer, contextOf } from './peer.ts'

export interface LatencyJob {
  readonly pid: number
  readonly httpsPort: number
  /** 0 for a server without MQTT. */
  readonly mqttPort: number
  readonly streamPath: string
  readonly sensorDirectory: string
  readonly readerDirectory: string
  /** Readings per second. */
  readonly rate: number
  readonly seconds: number
}

export interface Quantiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly count: number
}

export interface LatencyMeasured {
  /** Milliseconds from the start of a POST to the MQTT subscriber, the stream, and the answer. */
  readonly mqtt: Quantiles
  readonly stream: Quantiles
  readonly answer: Quantiles
  /** The delay of this process itself, which is in every figure. */
  readonly own: Quantiles
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const CONNECTIONS = 20
const SETTLE_MS = 1_000

answerJobs(async (job: LatencyJob): Promise<LatencyMeasured> => {
  const sensor = contextOf(job.sensorDirectory)
  const sent: number[] = []
  const took = { mqtt: [] as number[], stream: [] as number[], answer: [] as number[] }
  const own: number[] = []
  const note = (into: number[], text: string) => {
    const started = sent[Number(text)]
    if (started !== undefined) into.push(performance.now() - started)
  }
  const closeStream = await openStream(job, (text) => note(took.stream, text))
  const closeMqtt = await subscribe(job, (text) => note(took.mqtt, text))
  const free = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => connectHttp(job.httpsPort, sensor)),
  )
  const total = job.rate * job.seconds
  const before = { time: performance.now(), busy: cpuOf(job.pid).busy }
  for (let n = 0; n < total; ) {
    const due = before.time + (n / job.rate) * 1000
    if (due > performance.now()) {
      await setTimeout(1)
      continue
    }
    const connection = free.pop()
    if (!connection) {
      await setTimeout(0)
      continue
    }
    const started = performance.now()
    own.push(started - due)
    sent[n] = started
    connection.send(postRequest('/topics/bench/t', Buffer.from(String(n))), () => {
      took.answer.push(performance.now() - started)
      free.push(connection)
    })
    n += 1
  }
  const time = (performance.now() - before.time) / 1000
  const busy = (cpuOf(job.pid).busy - before.busy) / time
  await setTimeout(SETTLE_MS)
  for (const connection of free) connection.close()
  closeStream()
  closeMqtt()
  return {
    mqtt: quantiles(took.mqtt),
    stream: quantiles(took.stream),
    answer: quantiles(took.answer),
    own: quantiles(own),
    busy,
  }
})

function quantiles(values: number[]): Quantiles {
  values.sort((a, b) => a - b)
  const at = (part: number) => values[Math.floor((values.length - 1) * part)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), count: values.length }
}

async function openStream(job: LatencyJob, onPayload: (text: string) => void) {
  const read = (name: string) => readFileSync(join(job.readerDirectory, name))
  const session = connectHttp2(`https://localhost:${job.httpsPort}`, {
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
  })
  const stream = session.request({ ':path': job.streamPath, accept: 'text/event-stream' })
  await once(stream, 'response')
  const lines = createLineReader((line) => {
    if (line.startsWith('data: ')) onPayload(line.slice('data: '.length))
  })
  stream.setEncoding('utf8').on('data', lines)
  stream.on('error', () => {})
  return () => session.destroy()
}

async function subscribe(job: LatencyJob, onPayload: (text: string) => void) {
  if (job.mqttPort === 0) return () => {}
  const socket = await connectPeer({
    port: job.mqttPort,
    context: contextOf(job.readerDirectory),
    clientId: 'latency',
    subscribe: { topic: 'bench/t', qos: 0 },
  })
  const read = createFrameReader({
    onPublish: (bytes, payload, end) => onPayload(bytes.toString('latin1', payload, end)),
    onPuback() {},
  })
  socket.on('data', read).on('error', () => {})
  return () => socket.destroy()
}
