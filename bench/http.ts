// Compares publishing over HTTPS with Fastify alone: node bench/http.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import type { HttpMeasured, HttpScenario } from './support/http-load.ts'
import {
  type HttpSite,
  measureInTurn,
  medianOf,
  openSite,
  valuesOf,
  warmUp,
} from './support/http-site.ts'
import { printProfile } from './support/profile.ts'
import { median, print, printTable, ratios, withSpread } from './support/rounds.ts'
import { startBareHttp, startBareHttps, startServer } from './support/servers.ts'

const HELP = `Usage: node bench/http.ts [OPTIONS]

Sends POST /topics/… with 100 bytes over kept-alive TLS connections with a client certificate. The servers are
the gateway, a bare Fastify with the same TLS settings and the same JSON answer, and node:https or
node:http2 alone. HTTP/1.1 uses one connection per request in flight, HTTP/2 one connection with a stream
per request. Figures are medians of all rounds; the lowest and highest are in brackets.

  --only NAMES    scenarios, comma separated [all]: h1-q0-1, h1-q0-64, h1-q1-1, h1-q1-64, h2-q0-1, …
  --rounds N      rounds [5]
  --seconds N     seconds of each measurement [0.8]
  --broker URL    the gateway's WOTT_BROKER [memory:]; mqtt://127.0.0.1:1883 for a running Mosquitto
  --profile DIR   write CPU profiles of the gateway and Fastify to DIR, and print a summary`

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

function row(name: string, { version }: HttpScenario, sites: readonly HttpSite[]): string[] {
  const module = version === 1 ? 'https' : 'http2'
  const [bare, gateway, floor] = sites as [HttpSite, HttpSite, HttpSite]
  const speed = ratios(valuesOf(bare, 'cost'), valuesOf(gateway, 'cost'))
  const rates = ratios(valuesOf(gateway, 'rate'), valuesOf(bare, 'rate'))
  const shown = (site: HttpSite, what: keyof HttpMeasured, digits: number) =>
    medianOf(site, what).toFixed(digits)
  const times = (site: HttpSite) => `${shown(site, 'p50', 2)} / ${shown(site, 'p99', 2)}`
  const percent = (part: number) => `${(part * 100).toFixed(0)}%`
  report({
    what: `POST kept alive, ${name}`,
    measured: `${shown(gateway, 'rate', 0)}/s, ${shown(gateway, 'cost', 1)} µs of CPU`,
    peer: `bare Fastify ${shown(bare, 'rate', 0)}/s, ${shown(bare, 'cost', 1)} µs`,
    ratio: `by CPU ${withSpread(speed)}`,
    floor: `node:${module} ${shown(floor, 'cost', 1)} µs`,
    goals: [[GOALS.post, median(speed)]],
  })
  return [
    name,
    ...[shown(bare, 'rate', 0), shown(gateway, 'rate', 0), withSpread(rates)],
    ...[shown(floor, 'cost', 1), shown(bare, 'cost', 1), shown(gateway, 'cost', 1)],
    withSpread(speed),
    ...[times(bare), times(gateway)],
    ...[percent(medianOf(gateway, 'busy')), percent(medianOf(gateway, 'waited'))],
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
    const floors = {
      1: stack.use(await startBareHttps(ground)),
      2: stack.use(await startBareHttps(ground, { version: 2 })),
    }
    for (const version of [2, 1] as const)
      for (const server of [...servers, floors[version]]) await warmUp(server, ground, version)
    for (const name of values.only?.split(',') ?? SCENARIOS.keys()) {
      const scenario = SCENARIOS.get(name)
      if (!scenario) throw new Error(`there is no scenario "${name}"`)
      await using sites = new AsyncDisposableStack()
      const here = [...servers, floors[scenario.version]]
      const opened: HttpSite[] = []
      for (const server of here) opened.push(sites.use(await openSite(server, ground, scenario)))
      await measureInTurn(opened, { rounds, seconds })
      rows.push(row(name, scenario, opened))
    }
  }
  print(
    'Answers per second; microseconds of CPU per answer, and the speed by CPU; milliseconds to the answer;',
  )
  print('share of the time that the gateway ran on its core / waited for it')
  const fastify = ['Fastify', 'gateway', 'ratio']
  printTable([
    [
      '',
      ...fastify,
      'Node.js µs',
      'Fastify µs',
      'gateway µs',
      'ratio',
      'Fastify p50/p99',
      'gateway p50/p99',
    ],
    ...rows,
  ])
  if (values.profile)
    for (const name of ['bare-http', 'gateway']) await printProfile(values.profile, name)
}

if (values.help) print(HELP)
else await compare()
