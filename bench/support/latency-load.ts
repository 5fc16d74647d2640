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
import { type Quantiles, quantilesOf } from './quantiles.ts'
import { sendSteadily } from './steady.ts'

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

export interface LatencyMeasured {
  /** Milliseconds from when a POST was due to the MQTT subscriber, the stream, and the answer. */
  readonly mqtt: Quantiles
  readonly stream: Quantiles
  readonly answer: Quantiles
  /** The delay of this process itself, which is in every figure. */
  readonly own: Quantiles
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const CONNECTIONS = 20
const SILENCE_MS = 5_000

answerJobs(async (job: LatencyJob): Promise<LatencyMeasured> => {
  const sensor = contextOf(job.sensorDirectory)
  const due: number[] = []
  const took = { mqtt: [] as number[], stream: [] as number[], answer: [] as number[] }
  const note = (into: number[], text: string) => {
    const since = due[Number(text)]
    if (since !== undefined) into.push(performance.now() - since)
  }
  const closeStream = await openStream(job, (text) => note(took.stream, text))
  const closeMqtt = await subscribe(job, (text) => note(took.mqtt, text))
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => connectHttp(job.httpsPort, sensor)),
  )
  const before = { time: performance.now(), busy: cpuOf(job.pid).busy }
  const { late } = await sendSteadily({
    connections,
    rate: job.rate,
    seconds: job.seconds,
    requestOf: (n) => postRequest('/topics/bench/t', Buffer.from(String(n))),
    onSend: (n, at) => {
      due[n] = at
    },
    onAnswer: (milliseconds) => took.answer.push(milliseconds),
  })
  const time = (performance.now() - before.time) / 1000
  const busy = (cpuOf(job.pid).busy - before.busy) / time
  await allCame('event stream', took.stream, due.length)
  if (job.mqttPort !== 0) await allCame('MQTT subscriber', took.mqtt, due.length)
  for (const connection of connections) connection.close()
  closeStream()
  closeMqtt()
  return {
    mqtt: quantilesOf(took.mqtt),
    stream: quantilesOf(took.stream),
    answer: quantilesOf(took.answer),
    own: quantilesOf(late),
    busy,
  }
})

/** Throws if messages are missing, or came twice. */
async function allCame(who: string, took: readonly number[], wanted: number): Promise<void> {
  const end = performance.now() + SILENCE_MS
  while (took.length < wanted && performance.now() < end) await setTimeout(5)
  if (took.length !== wanted) throw new Error(`the ${who} had ${took.length} of ${wanted} messages`)
}

async function openStream(job: LatencyJob, onPayload: (text: string) => void) {
  const read = (name: string) => readFileSync(join(job.readerDirectory, name))
  const session = connectHttp2(`https://localhost:${job.httpsPort}`, {
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
  })
  const stream = session.request({ ':path': job.streamPath, accept: 'text/event-stream' })
  const [headers] = await once(stream, 'response')
  if (headers[':status'] !== 200) throw new Error(`a stream was answered ${headers[':status']}`)
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
