// Measures how long answers take at 70 % of the capacity of a server: node bench/load.ts [--help]
import { parseArgs } from 'node:util'
import { startWorker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { measureInTurn, medianOf, openSite } from './support/http-site.ts'
import type { OpenJob, OpenMeasured } from './support/open-load.ts'
import { median, print, printTable, rotated, withSpread } from './support/rounds.ts'
import { type Server, startBareHttp, startServer } from './support/servers.ts'

const PART = 0.7
const CONNECTIONS = 64
const GOAL = 3
const HELP = `Usage: node bench/load.ts [OPTIONS]

Compares the gateway with a bare Fastify. First measures the capacity of one core: a second divided by the CPU time of one POST
with 100 bytes and QoS 0 over ${CONNECTIONS} kept-alive HTTP/1.1 connections. Then sends POSTs at ${PART * 100} % of that rate. Each POST starts when it
is due, without waiting for earlier answers (an open loop).

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
  readonly rounds: OpenMeasured[]
}

async function openFor(server: Server, ground: Ground): Promise<Site> {
  await using closed = await openSite(server, ground, {
    version: 1,
    qos: 0,
    inFlight: CONNECTIONS,
  })
  await measureInTurn([closed], { rounds: 3, seconds: seconds / 2 })
  return { server, bears: 1e6 / medianOf(closed, 'cost'), rounds: [] }
}

async function measure(ground: Ground, { server, bears }: Site): Promise<OpenMeasured> {
  await using load = startWorker<OpenJob, OpenMeasured>(
    new URL('./support/open-load.ts', import.meta.url),
  )
  const job = {
    pid: server.pid,
    httpsPort: server.httpsPort,
    sensorDirectory: ground.sensor.directory,
    connections: CONNECTIONS,
    rate: bears * PART,
  }
  // warms up the JIT; not counted
  await load.ask({ ...job, seconds: 0.5 })
  return await load.ask({ ...job, seconds })
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const servers = [
    stack.use(await startServer('gateway', ground)),
    stack.use(await startBareHttp(ground)),
  ]
  const sites: Site[] = []
  for (const server of servers) sites.push(await openFor(server, ground))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const site of rotated(sites, round)) site.rounds.push(await measure(ground, site))
  print(
    'Capacity of a core in POSTs per second, POSTs sent per second, and milliseconds from the due time',
  )
  print(
    'of a POST to its answer. "own" is the delay (p99) of the load generator, not of the server.',
  )
  printTable([
    ['', 'capacity', 'sent', 'p50', 'p99', 'p99.9', 'p99 / p50', 'own', 'busy'],
    ...sites.map(({ server, bears, rounds }) => {
      const of = (what: keyof OpenMeasured) => median(rounds.map((one) => one[what]))
      return [
        server.name,
        bears.toFixed(0),
        (bears * PART).toFixed(0),
        of('p50').toFixed(2),
        of('p99').toFixed(2),
        of('p999').toFixed(2),
        withSpread(
          rounds.map(({ p50, p99 }) => p99 / p50),
          1,
        ),
        of('own').toFixed(2),
        `${(of('busy') * 100).toFixed(0)}%`,
      ]
    }),
  ])
  const [{ bears, rounds } = { bears: 0, rounds: [] }] = sites
  const of = (what: keyof OpenMeasured) => median(rounds.map((one) => one[what]))
  report({
    what: `POST at ${PART * 100} % of the capacity of a core`,
    measured: `${(bears * PART).toFixed(0)}/s: p50 ${of('p50').toFixed(2)} ms, p99 ${of('p99').toFixed(2)} ms`,
    against: `goal: p99 under ${GOAL} x p50; own lateness ${of('own').toFixed(2)} ms`,
    ratio: `${withSpread(
      rounds.map(({ p50, p99 }) => p99 / p50),
      1,
    )} x`,
  })
}

if (values.help) print(HELP)
else await compare()
