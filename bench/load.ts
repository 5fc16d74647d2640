// Measures how long answers take at 70 % of the capacity of a server: node bench/load.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { startWorker, type Worker } from './support/child.ts'
import { isLate, report } from './support/findings.ts'
import type { Pauses } from './support/gc-probe.ts'
import { createGround, type Ground } from './support/ground.ts'
import { measureInTurn, medianOf, openSite } from './support/http-site.ts'
import { startNginx } from './support/nginx.ts'
import type { OpenJob, OpenMeasured } from './support/open-load.ts'
import { median, print, printTable, rotated, withSpread } from './support/rounds.ts'
import { type Server, startBareHttp, startServer } from './support/servers.ts'

const PART = 0.7
const CONNECTIONS = 64
const HELP = `Usage: node bench/load.ts [OPTIONS]

Compares the gateway with a bare Fastify, and with nginx, whose answer is fixed. Sends POSTs with 100 bytes and QoS 0 at a
steady rate over ${CONNECTIONS} kept-alive HTTP/1.1 connections: each starts when it is due, without waiting for earlier answers (an open
loop); one that finds no free connection waits for the next, and this time counts. First measures the CPU time of a POST at half
the rate that the server reaches with all connections busy. A second divided by that is the capacity of a core, and ${PART * 100} % of it
is the rate of the measurement.

  --rounds N    rounds; each round measures all in turn [7]
  --seconds N   seconds of each measurement [2]`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const seconds = Number(values.seconds)

interface Site {
  readonly server: Server
  /** POSTs per second that one core can answer. */
  readonly bears: number
  /** One for all rounds, so that its own JIT does not delay the answers that it measures. */
  readonly load: Worker<OpenJob, OpenMeasured>
  readonly rounds: Round[]
}

/** nginx collects no garbage. */
type Round = OpenMeasured & { readonly gc: Pauses | null }

const probe = new URL('./support/gc-probe.ts', import.meta.url)

const pathOf = ({ name }: Server) =>
  name === 'nginx' ? '/ok' : '/topics/bench/sensor-0/value?qos=0'

async function openFor(server: Server, ground: Ground): Promise<Site> {
  await using closed = await openSite(server, ground, {
    version: 1,
    qos: 0,
    path: pathOf(server),
    inFlight: CONNECTIONS,
  })
  await measureInTurn([closed], { rounds: 3, seconds: seconds / 2 })
  const load = startWorker<OpenJob, OpenMeasured>(
    new URL('./support/open-load.ts', import.meta.url),
  )
  const rate = 0.5e6 / medianOf(closed, 'cost')
  const warm = { ...targetOf(server, ground), rate, seconds: 3 }
  // warms up the JIT of both; not counted
  await load.ask(warm)
  // POSTs that arrive one by one cost more than those of busy connections
  const { busy } = await load.ask(warm)
  return { server, bears: rate / busy, load, rounds: [] }
}

function targetOf(server: Server, { sensor }: Ground): Omit<OpenJob, 'seconds' | 'rate'> {
  return {
    pid: server.pid,
    httpsPort: server.httpsPort,
    sensorDirectory: sensor.directory,
    path: pathOf(server),
    connections: CONNECTIONS,
  }
}

async function measure(ground: Ground, site: Site): Promise<Round> {
  const { server, load, bears } = site
  const pauses = async () => (server.name === 'nginx' ? null : await server.ask<Pauses>('pauses'))
  await pauses()
  const measured = await load.ask({ ...targetOf(server, ground), rate: bears * PART, seconds })
  return { ...measured, gc: await pauses() }
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const servers = [
    stack.use(await startServer('gateway', ground, { probe })),
    stack.use(await startBareHttp(ground, { probe })),
    stack.use(await startNginx(ground)),
  ]
  const sites: Site[] = []
  for (const server of servers) {
    const site = await openFor(server, ground)
    stack.use(site.load)
    sites.push(site)
  }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const site of rotated(sites, round)) site.rounds.push(await measure(ground, site))
  printSites(sites)
  reportGateway(sites)
}

function printSites(sites: readonly Site[]): void {
  print(
    'Capacity of a core in POSTs per second, POSTs sent per second, and milliseconds from the due time',
  )
  print(
    'of a POST to its answer. "own" is the delay (p99) of the load generator, not of the server; "waited"',
  )
  print(
    'is the share of POSTs that found no free connection; "GC" is the longest pause of the garbage',
  )
  print('collector, and its share of the time.')
  printTable([
    ['', 'capacity', 'sent', 'p50', 'p99', 'p99.9', 'p99 / p50', 'own', 'waited', 'busy', 'GC', ''],
    ...sites.map((site) => {
      const { server, bears, rounds } = site
      const of = (what: keyof OpenMeasured) => medianOfRounds(site, (one) => one[what])
      const longest = medianOfRounds(site, ({ gc }) => gc?.longest ?? 0)
      const share = medianOfRounds(site, ({ gc }) => (gc?.total ?? 0) / 1000 / seconds)
      return [
        server.name,
        bears.toFixed(0),
        (bears * PART).toFixed(0),
        of('p50').toFixed(2),
        of('p99').toFixed(2),
        of('p999').toFixed(2),
        withSpread(tails(rounds), 1),
        of('own').toFixed(2),
        percent(of('queued')),
        percent(of('busy')),
        longest.toFixed(1),
        percent(share),
      ]
    }),
  ])
}

function reportGateway([gateway, bare, nginx]: readonly Site[]): void {
  if (!gateway || !bare || !nginx) return
  const shown = (site: Site, what: keyof OpenMeasured) =>
    medianOfRounds(site, (one) => one[what]).toFixed(2)
  const of = (what: keyof OpenMeasured) => medianOfRounds(gateway, (one) => one[what])
  const times = (site: Site) => `p50 ${shown(site, 'p50')} ms, p99 ${shown(site, 'p99')} ms`
  const tail = ({ rounds }: Site) => `${withSpread(tails(rounds), 1)} x`
  report({
    what: `POST at ${PART * 100} % of the capacity of a core`,
    measured: `${(gateway.bears * PART).toFixed(0)}/s: ${times(gateway)}`,
    peer: `nginx ${times(nginx)}: ${tail(nginx)}; own lateness ${shown(gateway, 'own')} ms`,
    ratio: tail(gateway),
    floor: `Fastify ${times(bare)}: ${tail(bare)}`,
    goals: [
      [GOALS.tail, median(tails(gateway.rounds))],
      // a server that cannot keep up has a long p50, and then a small ratio
      [GOALS.p50, of('p50')],
    ],
    isLoadLate: isLate(of('own'), of('p99')),
  })
}

function medianOfRounds({ rounds }: Site, of: (one: Round) => number): number {
  return median(rounds.map(of))
}

const tails = (rounds: readonly Round[]) => rounds.map(({ p50, p99 }) => p99 / p50)
const percent = (part: number) => `${(part * 100).toFixed(0)}%`

if (values.help) print(HELP)
else await compare()
