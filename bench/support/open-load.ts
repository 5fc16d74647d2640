// The load generator of bench/load.ts: it sends POSTs at a steady rate, without waiting for earlier answers.
import { setImmediate } from 'node:timers/promises'
import { answerJobs, cpuOf } from './child.ts'
import { connectHttp, postRequest } from './http-connection.ts'
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
  /** Milliseconds from the due time of a POST to its answer; this includes POSTs that had to wait because the server was blocked. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** The delay (p99) of this process itself in milliseconds, although a connection was free. */
  readonly own: number
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const REQUEST = postRequest('/topics/bench/sensor-0/value?qos=0', Buffer.from('x'.repeat(100)))

answerJobs(async (job: OpenJob): Promise<OpenMeasured> => {
  const context = contextOf(job.sensorDirectory)
  const opening = Array.from({ length: job.connections }, () => connectHttp(job.httpsPort, context))
  const free = await Promise.all(opening)
  const took: number[] = []
  const late: number[] = []
  const total = Math.round(job.rate * job.seconds)
  const before = { time: performance.now(), busy: cpuOf(job.pid).busy }
  let sent = 0
  while (took.length < total) {
    const now = performance.now()
    const wasFree = free.length > 0
    for (; sent < total && free.length > 0; sent++) {
      const due = before.time + (sent / job.rate) * 1000
      if (due > now) break
      if (wasFree) late.push(now - due)
      const connection = free.pop()
      connection?.send(REQUEST, (status) => {
        if (status !== 200) throw new Error(`answered with ${status}`)
        took.push(performance.now() - due)
        free.push(connection)
      })
    }
    await setImmediate()
  }
  const time = (performance.now() - before.time) / 1000
  const busy = (cpuOf(job.pid).busy - before.busy) / time
  for (const connection of free) connection.close()
  return { ...quantilesOf(took), own: quantilesOf(late).p99, busy }
})

function quantilesOf(values: number[]) {
  values.sort((a, b) => a - b)
  const at = (part: number) => values[Math.floor((values.length - 1) * part)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}
