// Measures one POST to many event streams, and the memory of the streams: node bench/fan-out.ts [--help]
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { startWorker, type Worker } from './support/child.ts'
import { fail, report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { startNginx } from './support/nginx.ts'
import { requireOpenFiles } from './support/open-files.ts'
import { printProfile } from './support/profile.ts'
import { median, print, printTable, ratios, rotated, withSpread } from './support/rounds.ts'
import { MANY, type Server, startBareStreams, startServer } from './support/servers.ts'
import type { StreamJob, StreamMeasured, StreamTarget } from './support/stream-load.ts'

const HELP = `Usage: node bench/fan-out.ts [OPTIONS]

Sends one POST after the other to a topic that many event streams read, over mTLS. The servers are the gateway, nginx with
nchan, and bare Node.js, which only writes the same bytes to each socket or stream. Prints the microseconds of CPU of a POST
that nobody reads, what an event costs for each reader besides, the ratios of that, the milliseconds until the last reader has
an event, and the KiB of memory per stream.

  --streams LIST   numbers of streams, comma separated [1,100,1000,10000]
  --versions LIST  1 for HTTP/1.1, 2 for HTTP/2 [1,2]
  --events N       deliveries per round, of 10 to 1,500 events [50000]
  --rounds N       rounds; each round measures all in turn [5]
  --profile DIR    write CPU profiles to DIR, and print a summary`

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1,100,1000,10000' },
    versions: { type: 'string', default: '1,2' },
    events: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '5' },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const numbers = (list: string) => list.split(',').map(Number)

const LEAST_EVENTS = 10
const MOST_EVENTS = 1_500
/** Before that many POSTs and deliveries, V8 has not optimized what they run through. */
const WARM_POSTS = 3_000
const WARM_DELIVERIES = 100_000
/** With fewer streams, the memory of a stream is less than the noise. */
const MEASURABLE = 100

interface Site {
  readonly server: Server
  readonly load: Worker<StreamJob, StreamMeasured>
  readonly rounds: StreamMeasured[]
  /** KiB of memory per stream; NaN with too few. */
  memory: number
}

const SERVERS = ['gateway', 'nchan', 'bare'] as const

function start(name: (typeof SERVERS)[number], ground: Ground): Promise<Server> {
  if (name === 'nchan') return startNginx(ground)
  const options = { profile: values.profile, env: MANY }
  return name === 'bare'
    ? startBareStreams(ground, options)
    : startServer('gateway', ground, options)
}

function targetOf(server: Server, ground: Ground): StreamTarget {
  const isNginx = server.name === 'nginx'
  return {
    pid: server.pid,
    httpsPort: server.httpsPort,
    streamPath: isNginx ? '/stream/bench/t' : '/stream?filter=bench/t&format=raw',
    postPath: '/topics/bench/t',
    unreadPath: '/topics/bench/unread',
    sensorDirectory: ground.sensor.directory,
    readerDirectory: ground.reader.directory,
  }
}

/** How many events make so many deliveries. */
function eventsTo(streams: number, deliveries: number): number {
  return Math.min(MOST_EVENTS, Math.max(LEAST_EVENTS, Math.ceil(deliveries / streams)))
}

/** Resident memory in KiB: proc(5). */
function memoryOf({ pid }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}

async function open(server: Server, ground: Ground, version: 1 | 2, count: number): Promise<Site> {
  const load = startWorker<StreamJob, StreamMeasured>(
    new URL('./support/stream-load.ts', import.meta.url),
  )
  const before = memoryOf(server)
  await load.ask({ kind: 'open', target: targetOf(server, ground), version, count })
  // waits, so that the garbage of the handshakes can be collected
  if (count >= MEASURABLE) await setTimeout(3_000)
  const memory = count >= MEASURABLE ? (memoryOf(server) - before) / count : Number.NaN
  // warms up the JIT; not counted
  await load.ask({ kind: 'warm', posts: WARM_POSTS, events: eventsTo(count, WARM_DELIVERIES) })
  return { server, load, rounds: [], memory }
}

async function measure(ground: Ground, version: 1 | 2, count: number): Promise<string[]> {
  await using stack = new AsyncDisposableStack()
  const sites: Site[] = []
  for (const name of SERVERS) {
    const server = stack.use(await start(name, ground))
    const site = await open(server, ground, version, count)
    stack.use(site.load)
    sites.push(site)
  }
  const events = eventsTo(count, Number(values.events))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const { load, rounds } of rotated(sites, round))
      rounds.push(await load.ask({ kind: 'publish', events }))
  const [gateway, ...others] = sites as [Site, Site, Site]
  const of = (site: Site, what: keyof StreamMeasured) => site.rounds.map((one) => one[what])
  const shown = (site: Site, what: keyof StreamMeasured) => median(of(site, what)).toFixed(1)
  const compared = others.map((other) => ratios(of(gateway, 'cost'), of(other, 'cost')))
  const lost = sites.flatMap((site) => of(site, 'lost')).reduce((sum, one) => sum + one, 0)
  const [nchan, bare] = others as [Site, Site]
  const name = `HTTP/${version === 1 ? '1.1' : '2'}, ${count}`
  if (lost > 0) fail(`${lost} events were lost, ${name} streams`)
  report({
    what: `one event to streams, ${name}`,
    measured: `${shown(gateway, 'cost')} µs for each, p99 ${shown(gateway, 'p99')} ms; the POST itself ${shown(gateway, 'post')} µs`,
    peer: `nchan ${shown(nchan, 'cost')} µs, ${shown(nchan, 'p99')} ms, ${shown(nchan, 'post')} µs`,
    ratio: `${withSpread(compared[0] ?? [])} x the CPU`,
    floor: `${shown(bare, 'cost')} µs, ${shown(bare, 'p99')} ms, ${shown(bare, 'post')} µs`,
    goals: [[version === 1 ? GOALS.streams1 : GOALS.streams2, median(compared[0] ?? [])]],
  })
  return [
    name,
    ...sites.map((site) => `${shown(site, 'post')} + ${shown(site, 'cost')}`),
    ...compared.map((costs) => withSpread(costs)),
    ...sites.map((site) => `${shown(site, 'p50')} / ${shown(site, 'p99')}`),
    ...sites.map(({ memory }) => (Number.isNaN(memory) ? '' : memory.toFixed(0))),
    String(lost),
  ]
}

async function compare(): Promise<void> {
  requireOpenFiles(Math.max(...numbers(values.streams)))
  await using ground = await createGround()
  const rows: string[][] = []
  for (const version of numbers(values.versions) as (1 | 2)[])
    for (const count of numbers(values.streams)) rows.push(await measure(ground, version, count))
  printTable([
    [
      'streams',
      'gateway µs',
      'nchan µs',
      'bare µs',
      'of nchan',
      'of bare',
      'gateway p50/p99 ms',
      'nchan',
      'bare',
      'gateway KiB',
      'nchan',
      'bare',
      'lost',
    ],
    ...rows,
  ])
}

if (values.help) print(HELP)
else {
  await compare()
  if (values.profile)
    for (const name of ['gateway', 'bare']) await printProfile(values.profile, name)
}
