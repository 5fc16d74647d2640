// Many readings in one request beside one each: node bench/batches.ts [--help]
import { parseArgs } from 'node:util'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import type { HttpScenario } from './support/http-load.ts'
import { measureInTurn, medianOf, openSite, valuesOf } from './support/http-site.ts'
import { print, printTable, ratios, withSpread } from './support/rounds.ts'
import { startServer } from './support/servers.ts'

const READINGS = 500
const GOAL = 12
const HELP = `Usage: node bench/batches.ts [OPTIONS]

NDJSON of ${READINGS} readings of 100 bytes with QoS 0 in each POST /topics, beside a POST /topics/… for each reading, to one gateway over
kept-alive HTTP/1.1 connections. Readings a second of one core are what its CPU for one reading allows.

  --rounds N    how often each is measured, in turn [7]
  --seconds N   how long, each time [1]`

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
  const single = stack.use(await openSite(server, ground, SINGLE))
  const batch = stack.use(await openSite(server, ground, BATCH))
  const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  await measureInTurn([single, batch], effort)
  const costs = valuesOf(batch, 'cost').map((cost) => cost / READINGS)
  const speed = ratios(valuesOf(single, 'cost'), costs)
  const aCore = (cost: number) => (1e6 / cost).toFixed(0)
  const each = medianOf(batch, 'cost') / READINGS
  const rows = [
    ['one in each POST', medianOf(single, 'cost'), medianOf(single, 'rate')],
    [`${READINGS} in each POST`, each, medianOf(batch, 'rate') * READINGS],
  ] as const
  print('Microseconds of CPU for one reading, readings a second of one core, and those measured')
  printTable([
    ['', 'µs', 'a core', 'measured'],
    ...rows.map(([name, cost, rate]) => [name, cost.toFixed(2), aCore(cost), rate.toFixed(0)]),
  ])
  print(`NDJSON is ${withSpread(speed, 1)} times as fast`)
  report({
    what: `NDJSON of ${READINGS} readings`,
    measured: `${aCore(each)} readings/s a core`,
    against: `single POSTs ${aCore(medianOf(single, 'cost'))}/s; goal ${GOAL} x`,
    ratio: `${withSpread(speed, 1)} x`,
  })
}

if (values.help) print(HELP)
else await compare()
