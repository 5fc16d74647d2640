// Measures a POST to a topic without readers while streams of other topics are open: node bench/readers.ts [ROUNDS] [SECONDS]
// It uses HTTPS and one gateway per number of streams, measured in turn; then again while streams open and close.
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { setTimeout } from 'node:timers/promises'
import { GOALS } from './goals.ts'
import { cpuOf, startWorker, type Worker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { HttpJob, HttpMeasured } from './support/http-load.ts'
import { openOtherStreams, openStream } from './support/other-streams.ts'
import {
  median,
  medianRatio,
  print,
  printTable,
  ratios,
  rotated,
  withSpread,
} from './support/rounds.ts'
import { MANY, type Server, startServer } from './support/servers.ts'

const [rounds = 9, seconds = 1] = process.argv.slice(2).map(Number)
const COUNTS = [20, 1_500, 10_000]
const CHANGES_A_SECOND = 200
const IDLE_MS = 20_000

interface Site {
  readonly server: Server
  readonly load: Worker<HttpJob, HttpMeasured>
  readonly sessions: readonly ClientHttp2Session[]
  /** CPU time of idle streams, such as for heartbeats: seconds per second. */
  idle: number
  readonly alone: number[]
  readonly beside: number[]
}

async function openSite(ground: Ground, count: number): Promise<Site> {
  const server = await startServer('gateway', ground, { env: MANY })
  const sessions = await openOtherStreams(server, ground, 0, count)
  const load = startWorker<HttpJob, HttpMeasured>(
    new URL('./support/http-load.ts', import.meta.url),
  )
  await load.ask({
    kind: 'open',
    target: {
      pid: server.pid,
      httpsPort: server.httpsPort,
      sensorDirectory: ground.sensor.directory,
    },
    scenario: { version: 1, qos: 0, inFlight: 16 },
  })
  await load.ask({ kind: 'run', seconds: 1 })
  return { server, load, sessions, idle: 0, alone: [], beside: [] }
}

/** Opens and closes streams until the returned function is called; half of the changes open one, half close one. */
function comeAndGo({ sessions }: Site): () => Promise<void> {
  const session = sessions[0] as ClientHttp2Session
  let isGoingOn = true
  const going = (async () => {
    const start = performance.now()
    for (let n = 0; isGoingOn; n++) {
      const filter = n % 2 === 0 ? `other/new-${n}/+/t` : `other/new-${n}`
      const stream = await openStream(session, filter)
      stream.close()
      await once(stream, 'close')
      const due = start + ((n + 1) / CHANGES_A_SECOND) * 2_000
      if (due > performance.now()) await setTimeout(due - performance.now())
    }
  })()
  return async () => {
    isGoingOn = false
    await going
  }
}

/** Seconds of CPU per second. */
async function cpuDuring({ server }: Site, milliseconds: number): Promise<number> {
  const before = cpuOf(server.pid).busy
  const start = performance.now()
  await setTimeout(milliseconds)
  return ((cpuOf(server.pid).busy - before) * 1000) / (performance.now() - start)
}

/** Microseconds of CPU per POST, without the CPU of the idle gateway. */
async function costOf({ load }: Site, idle: number): Promise<number> {
  const { busy, rate } = await load.ask({ kind: 'run', seconds })
  return ((busy - idle) / rate) * 1e6
}

async function measure(site: Site): Promise<void> {
  site.alone.push(await costOf(site, site.idle))
  const stop = comeAndGo(site)
  const without = await cpuDuring(site, seconds * 1000)
  site.beside.push(await costOf(site, without))
  await stop()
}

await using ground = await createGround()
await using opened = new AsyncDisposableStack()
const sites: Site[] = []
for (const count of COUNTS) {
  const start = performance.now()
  const site = await openSite(ground, count)
  opened.use(site.server)
  opened.use(site.load)
  opened.defer(() => {
    for (const session of site.sessions) session.destroy()
  })
  sites.push(site)
  print(`${count} streams opened in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
const idle = await Promise.all(sites.map((site) => cpuDuring(site, IDLE_MS)))
for (const [index, site] of sites.entries()) site.idle = idle[index] ?? 0
for (let round = 0; round < rounds; round++)
  for (const site of rotated(sites, round)) await measure(site)

const [few] = sites as [Site]
const many = sites.at(-1) as Site
report({
  what: `POST with ${COUNTS.at(-1)} streams of other topics, ${CHANGES_A_SECOND} of which open or close each second`,
  measured: `${median(many.beside).toFixed(1)} µs`,
  peer: `with ${COUNTS[0]} streams ${median(few.alone).toFixed(1)} µs`,
  ratio: withSpread(ratios(many.beside, few.alone)),
  goals: [[GOALS.flat, medianRatio(many.beside, few.alone)]],
})
const shown = (values: readonly number[], others: readonly number[]) => [
  `${median(values).toFixed(1)} µs`,
  medianRatio(values, others).toFixed(3),
]
printTable([
  ['streams', 'per POST', 'ratio', `with ${CHANGES_A_SECOND} changes/s`, 'ratio'],
  ...sites.map(({ alone, beside }, index) => [
    String(COUNTS[index]),
    ...shown(alone, few.alone),
    ...shown(beside, few.alone),
  ]),
])
