// The load generator of bench/load.ts: it sends POSTs at a steady rate, without waiting for earlier answers.
import { answerJobs, cpuOf } from './child.ts'
import { connectHttp, type HttpConnection, postRequest } from './http-connection.ts'
import { contextOf } from './peer.ts'

export interface OpenJob {
  readonly pid: number
  readonly httpsPort: number
  readonly sensorDirectory: string
  readonly connections: number
  /** POSTs per second. */
  readonly rate: number
  readonly seconds: number
}

export interface OpenMeasured {
  /**
   * Milliseconds from the due time of a POST to its answer. This includes the time that a POST waited for a free connection,
   * so a server that stops also pays for the POSTs that could not be sent meanwhile.
   */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** The delay (p99) of this process itself: milliseconds from when a POST was due and had a free connection until it was sent. */
  readonly own: number
  /** Share of the POSTs that waited for a free connection. */
  readonly queued: number
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const REQUEST = postRequest('/topics/bench/sensor-0/value?qos=0', Buffer.from('x'.repeat(100)))

answerJobs(async (job: OpenJob): Promise<OpenMeasured> => {
  const context = contextOf(job.sensorDirectory)
  const opening = Array.from({ length: job.connections }, () => connectHttp(job.httpsPort, context))
  const connections = await Promise.all(opening)
  try {
    return await send(job, connections)
  } finally {
    for (const connection of connections) connection.close()
  }
})

function send(job: OpenJob, connections: readonly HttpConnection[]): Promise<OpenMeasured> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenMeasured>()
  const total = Math.round(job.rate * job.seconds)
  const took = new Float64Array(total)
  const late = new Float64Array(total)
  const free = [...connections]
  let sent = 0
  let answered = 0
  let queued = 0
  const start = { time: performance.now(), busy: cpuOf(job.pid).busy }
  const dueOf = (n: number) => start.time + (n / job.rate) * 1000

  /** Sends the next POST on this connection, which was free since `since`. */
  function sendOn(connection: HttpConnection, since: number): void {
    const n = sent
    const due = dueOf(n)
    sent += 1
    late[n] = performance.now() - Math.max(due, since)
    connection.send(REQUEST, (status) => {
      if (status !== 200) return reject(new Error(`answered with ${status}`))
      const now = performance.now()
      took[answered] = now - due
      answered += 1
      if (sent < total && dueOf(sent) <= now) {
        queued += 1
        sendOn(connection, now)
      } else free.push(connection)
    })
  }

  function turn(): void {
    const now = performance.now()
    while (sent < total && dueOf(sent) <= now) {
      const connection = free.pop()
      if (!connection) break
      sendOn(connection, 0)
    }
    if (answered < total) setImmediate(turn)
    else resolve(result())
  }

  function result(): OpenMeasured {
    const time = (performance.now() - start.time) / 1000
    const busy = (cpuOf(job.pid).busy - start.busy) / time
    const [p50, p99, p999] = quantilesOf(took) as [number, number, number]
    const [, own] = quantilesOf(late) as [number, number]
    return { p50, p99, p999, own, queued: queued / total, busy }
  }

  turn()
  return promise
}

function quantilesOf(values: Float64Array): number[] {
  values.sort()
  return [0.5, 0.99, 0.999].map((part) => values[Math.floor((values.length - 1) * part)] as number)
}
