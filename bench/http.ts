// Publishing over HTTPS, and what Fastify alone would do: node bench/http.ts [--help]
import { parseArgs } from 'node:util'
import { startWorker, type Worker } from './support/child.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { HttpJob, HttpMeasured, HttpScenario, HttpTarget } from './support/http-load.ts'
import { printProfile } from './support/profile.ts'
import { median, medianRatio, print, printTable, rotated } from './support/rounds.ts'
import { type Server, startBareHttp, startServer } from './support/servers.ts'

const HELP = `Usage: node bench/http.ts [OPTIONS]

POST /topics/… with 100 bytes over kept-alive TLS connections with a client certificate: to the gateway,
and to a bare Fastify with the same TLS settings that answers the same JSON. HTTP/1.1 has as many
connections as requests in flight, HTTP/2 one connection with as many streams.

  --only NAMES    scenarios, comma separated [all]: h1-q0-1, h1-q0-64, h1-q1-1, h1-q1-64, h2-q0-1, …
  --rounds N      how often each is measured [5]
  --seconds N     how long, each time [0.8]
  --broker URL    the gateway's WOTT_BROKER [memory:]; mqtt://127.0.0.1:1883 for a Mosquitto that runs there
  --profile DIR   write CPU profiles of both to DIR and print where their time went`

const SCENARIOS = new Map<string, HttpScenario>()
for (const version of [1, 2] as const)
  for (const qos of [0, 1] as const)
    for (const inFlight of [1, 64])
      SCENARIOS.set(`h${version}-q${qos}-${inFlight}`, { version, qos, inFlight })

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.8' },
    broker: { type: 'string', default: 'memory:' },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

async function measure(
  ground: Ground,
  servers: readonly Server[],
  scenario: HttpScenario,
): Promise<HttpMeasured[][]> {
  await using workers = new AsyncDisposableStack()
  const loads: [Worker<HttpJob, HttpMeasured>, HttpMeasured[]][] = []
  for (const { pid, httpsPort } of servers) {
    const worker = startWorker<HttpJob, HttpMeasured>(
      new URL('./support/http-load.ts', import.meta.url),
    )
    workers.use(worker)
    const target: HttpTarget = { pid, httpsPort, sensorDirectory: ground.sensor.directory }
    await worker.ask({ kind: 'open', target, scenario })
    // compiles what is hot, and is not counted
    await worker.ask({ kind: 'run', seconds: 0.6 })
    loads.push([worker, []])
  }
  for (let round = 0; round < rounds; round++)
    for (const [worker, results] of rotated(loads, round))
      results.push(await worker.ask({ kind: 'run', seconds }))
  return loads.map(([, results]) => results)
}

function row(name: string, [bare = [], gateway = []]: HttpMeasured[][]): string[] {
  const of = (results: HttpMeasured[], what: keyof HttpMeasured) =>
    results.map((result) => result[what])
  const shown = (results: HttpMeasured[], what: keyof HttpMeasured, digits: number) =>
    median(of(results, what)).toFixed(digits)
  const percent = (part: number) => `${(part * 100).toFixed(0)}%`
  return [
    name,
    shown(bare, 'rate', 0),
    shown(gateway, 'rate', 0),
    `${medianRatio(of(gateway, 'rate'), of(bare, 'rate')).toFixed(2)}x`,
    shown(bare, 'cost', 0),
    shown(gateway, 'cost', 0),
    `${medianRatio(of(bare, 'cost'), of(gateway, 'cost')).toFixed(2)}x`,
    `${shown(bare, 'p50', 2)} / ${shown(bare, 'p99', 2)}`,
    `${shown(gateway, 'p50', 2)} / ${shown(gateway, 'p99', 2)}`,
    percent(median(of(gateway, 'busy'))),
    percent(median(of(gateway, 'waited'))),
  ]
}

async function compare(): Promise<void> {
  const rows: string[][] = []
  {
    await using stack = new AsyncDisposableStack()
    const ground = stack.use(await createGround())
    const { profile } = values
    const servers = [
      stack.use(await startBareHttp(ground, { profile })),
      stack.use(
        await startServer('gateway', ground, { profile, env: { WOTT_BROKER: values.broker } }),
      ),
    ]
    for (const name of values.only?.split(',') ?? SCENARIOS.keys()) {
      const scenario = SCENARIOS.get(name)
      if (!scenario) throw new Error(`there is no scenario "${name}"`)
      rows.push(row(name, await measure(ground, servers, scenario)))
    }
  }
  print(
    'Publishes a second, microseconds of CPU for one (the ratio is of speeds again), milliseconds',
  )
  print(
    'to the answer, and what part of the time the gateway had its core / another program had it',
  )
  printTable([
    [
      '',
      'bare',
      'gateway',
      '',
      'bare µs',
      'gateway µs',
      '',
      'bare p50/p99',
      'gateway p50/p99',
      '',
      '',
    ],
    ...rows,
  ])
  if (values.profile)
    for (const name of ['bare-http', 'gateway']) await printProfile(values.profile, name)
}

if (values.help) print(HELP)
else await compare()
