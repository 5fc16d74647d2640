// How long answers take at 70 % of the load that a server can bear: node bench/load.ts [--help]
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

First, what one core of a server can bear: a second divided by its CPU for one POST with 100 bytes and QoS 0 over ${CONNECTIONS} kept-alive HTTP/1.1
connections. Then POSTs at ${PART * 100} % of that, each when it is due and not when the one before is answered (an open loop). For the gateway and a
bare Fastify.

  --rounds N    how often each is measured, in turn [7]
  --seconds N   how long, each time [2]`

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
  /** POSTs a second of one core. */
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
  // compiles what is hot, and is not counted
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
    'POSTs a second that a core bears, those sent, and milliseconds from when one was due to its',
  )
  print('answer; "own" is how late the load generator was with 99 of 100, which no server can mend')
  printTable([
    ['', 'bears', 'sent', 'p50', 'p99', 'p99.9', 'p99 of p50', 'own', 'busy'],
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
    what: `POST at ${PART * 100} % of what a core bears`,
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
