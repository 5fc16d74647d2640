// Compares many readings in one request with one reading per request: node bench/batches.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import type { HttpScenario } from './support/http-load.ts'
import { type HttpSite, measureInTurn, medianOf, openSite, valuesOf } from './support/http-site.ts'
import { median, print, printTable, ratios, withSpread } from './support/rounds.ts'
import { type Server, startBareHttp, startServer } from './support/servers.ts'

const READINGS = 500
const HELP = `Usage: node bench/batches.ts [OPTIONS]

Compares NDJSON with ${READINGS} readings in each POST /topics with one POST /topics/… per reading. Readings have 100 bytes and
QoS 0, and go to one gateway over kept-alive HTTP/1.1 connections. "a core" is a second divided by the CPU time of a reading.
A bare Fastify, which only parses the JSON of each line, shows how much of that is the work of Node.js.

  --rounds N    rounds; each round measures all in turn [7]
  --seconds N   seconds of each measurement [1]`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const SINGLE: HttpScenario = { version: 1, qos: 0, inFlight: 32 }
const BATCH: HttpScenario = {
  version: 1,
  qos: 0,
  inFlight: 4,
  path: '/topics',
  headers: { 'content-type': 'application/x-ndjson' },
  body: Array.from({ length: READINGS }, (_, n) =>
    JSON.stringify({ topic: `bench/sensor-${n % 10}/value`, payload: 'x'.repeat(100) }),
  ).join('\n'),
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const server = stack.use(await startServer('gateway', ground))
  const bare = stack.use(await startBareHttp(ground))
  const open = async (at: Server, scenario: HttpScenario) =>
    stack.use(await openSite(at, ground, scenario))
  const single = await open(server, SINGLE)
  const batch = await open(server, BATCH)
  const bareSingle = await open(bare, SINGLE)
  const bareBatch = await open(bare, BATCH)
  const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  await measureInTurn([single, batch, bareSingle, bareBatch], effort)
  const costs = (site: HttpSite) => valuesOf(site, 'cost').map((cost) => cost / READINGS)
  const speed = ratios(valuesOf(single, 'cost'), costs(batch))
  const bareSpeed = ratios(valuesOf(bareSingle, 'cost'), costs(bareBatch))
  const aCore = (cost: number) => (1e6 / cost).toFixed(0)
  const each = median(costs(batch))
  const bareEach = median(costs(bareBatch))
  const rows = [
    ['one in each POST', medianOf(single, 'cost'), medianOf(single, 'rate')],
    [`${READINGS} in each POST`, each, medianOf(batch, 'rate') * READINGS],
    ['bare Fastify, one', medianOf(bareSingle, 'cost'), medianOf(bareSingle, 'rate')],
    [`bare Fastify, ${READINGS}`, bareEach, medianOf(bareBatch, 'rate') * READINGS],
  ] as const
  print(
    'Microseconds of CPU per reading, readings per second that one core can take, and readings per second measured',
  )
  printTable([
    ['', 'µs', 'a core', 'measured'],
    ...rows.map(([name, cost, rate]) => [name, cost.toFixed(2), aCore(cost), rate.toFixed(0)]),
  ])
  print(
    `NDJSON is ${withSpread(speed, 1)} times as fast, with the bare Fastify ${withSpread(bareSpeed, 1)}`,
  )
  report({
    what: `NDJSON of ${READINGS} readings`,
    measured: `${aCore(each)} readings/s a core`,
    peer: `single POSTs ${aCore(medianOf(single, 'cost'))}/s`,
    ratio: `${withSpread(speed, 1)} x`,
    floor: `only JSON.parse ${bareEach.toFixed(2)} µs, ours ${each.toFixed(2)} µs`,
    goals: [[GOALS.batch, median(speed)]],
  })
}

if (values.help) print(HELP)
else await compare()
