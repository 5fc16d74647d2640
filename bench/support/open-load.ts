// The load generator of bench/load.ts: it sends POSTs at a steady rate, without waiting for earlier answers.
import { answerJobs, cpuOf } from './child.ts'
import { connectHttp, type HttpConnection, postRequest } from './http-connection.ts'
import { contextOf } from './peer.ts'
import { quantilesOf } from './quantiles.ts'
import { sendSteadily } from './steady.ts'

export interface OpenJob {
  readonly pid: number
  readonly httpsPort: number
  readonly sensorDirectory: string
  readonly path: string
  readonly connections: number
  /** POSTs per second. */
  readonly rate: number
  readonly seconds: number
}

export interface OpenMeasured {
  /** Milliseconds from when a POST was due to its answer. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** The delay (p99) of this process itself. */
  readonly own: number
  /** Share of the POSTs that waited for a free connection. */
  readonly queued: number
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const BODY = Buffer.from('x'.repeat(100))

function ask(connection: HttpConnection, request: Buffer): Promise<number> {
  return new Promise((resolve) => connection.send(request, resolve))
}

answerJobs(async (job: OpenJob): Promise<OpenMeasured> => {
  const context = contextOf(job.sensorDirectory)
  const opening = Array.from({ length: job.connections }, () => connectHttp(job.httpsPort, context))
  const connections = await Promise.all(opening)
  // With TLS 1.3 a connection is open for its client before the server has verified the certificate. Until that is done for all
  // of them, POSTs would wait for handshakes.
  const request = postRequest(job.path, BODY)
  await Promise.all(connections.map((connection) => ask(connection, request)))
  const took: number[] = []
  const before = { time: performance.now(), busy: cpuOf(job.pid).busy }
  const { late, queued } = await sendSteadily({
    connections,
    rate: job.rate,
    seconds: job.seconds,
    requestOf: () => request,
    onAnswer: (milliseconds) => took.push(milliseconds),
  })
  const time = (performance.now() - before.time) / 1000
  const busy = (cpuOf(job.pid).busy - before.busy) / time
  for (const connection of connections) connection.close()
  const { p50, p99, p999 } = quantilesOf(took)
  return { p50, p99, p999, own: quantilesOf(late).p99, queued, busy }
})
