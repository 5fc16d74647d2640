// Compares MQTT brokers: node bench/broker.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import type { BrokerJob, Measured, Scenario, Target } from './support/broker-load.ts'
import { LOAD_CORE, SERVER_CORE, startWorker, type Worker } from './support/child.ts'
import { fail, report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { printProfile } from './support/profile.ts'
import {
  median,
  medianRatio,
  print,
  printTable,
  ratios,
  rotated,
  withSpread,
} from './support/rounds.ts'
import { SCENARIOS } from './support/scenarios.ts'
import { type Server, type ServerName, startServer } from './support/servers.ts'
import { runSlow } from './support/slow.ts'

const HELP = `Usage: node bench/broker.ts [OPTIONS]

Compares Mosquitto, stock aedes, stock aedes with our ACL, and the gateway. Each is a process on core ${SERVER_CORE},
the load generator is on core ${LOAD_CORE}. Payloads have 100 bytes, over TLS with client certificates. Scenarios that
aedes does not support are only compared with Mosquitto.

  --only NAMES      scenarios, comma separated [all]: 1-1-q0, 1-1-q1, 1-200-q0, 1-200-q1,
                    200-1-q0, 200-1-q1; with MQTT 5: 5-1-1-q0, 5-1-1-q1, 5-1-200-q1, 5-shared, 5-alias
  --brokers NAMES   mosquitto, aedes, aedes+acl, gateway [all]
  --rounds N        rounds [5]
  --seconds N       seconds of each measurement [0.6]
  --window N        messages that each publisher may have in flight [set by the scenario]
  --profile DIR     write CPU profiles of the Node.js brokers to DIR, and print a summary
  --slow            run the slow subscriber test instead; --rounds and --seconds are then 1 and 6 by default`

const BROKERS: readonly ServerName[] = ['mosquitto', 'aedes', 'aedes+acl', 'gateway']
/** The brokers that support MQTT 5. */
const OF_MQTT_5: readonly ServerName[] = ['mosquitto', 'gateway']

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    brokers: { type: 'string', default: BROKERS.join() },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    window: { type: 'string' },
    profile: { type: 'string' },
    slow: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

interface Effort {
  readonly names: readonly ServerName[]
  readonly rounds: number
  readonly seconds: number
}

const WARM_SECONDS = 1
/** The default queue would drop messages, because the load generator has more in flight. Mosquitto has the same setting. */
const GATEWAY_SETTINGS = { WOTT_CLIENT_BUFFER: '64MiB' }

type Load = Worker<BrokerJob, Measured>

/** The result of each round, by broker. */
type Results = Map<string, Measured[]>

async function measure(ground: Ground, scenario: Scenario, effort: Effort): Promise<Results> {
  const { rounds, seconds } = effort
  const names = effort.names.filter((name) => scenario.version < 5 || OF_MQTT_5.includes(name))
  await using running = new AsyncDisposableStack()
  // new processes for each scenario, so that the heap of the last one has no influence
  const options = { profile: values.profile, env: GATEWAY_SETTINGS }
  const servers = await Promise.all(names.map((name) => startServer(name, ground, options)))
  for (const server of servers) running.use(server)
  const loads = await Promise.all(
    servers.map(async (server): Promise<[Server, Load]> => {
      const worker: Load = startWorker(new URL('./support/broker-load.ts', import.meta.url))
      running.use(worker)
      const target: Target = {
        pid: server.pid,
        port: server.port,
        sensorDirectory: ground.sensor.directory,
        readerDirectory: ground.reader.directory,
      }
      await worker.ask({ kind: 'open', target, scenario })
      return [server, worker]
    }),
  )
  // warms up the JIT; not counted
  for (const [, worker] of loads) await worker.ask({ kind: 'run', seconds: WARM_SECONDS })
  const results: Results = new Map(servers.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [{ name }, worker] of rotated(loads, round))
      results.get(name)?.push(await worker.ask({ kind: 'run', seconds }))
  return results
}

function column(results: Results, name: string, of: (one: Measured) => number): number[] {
  return (results.get(name) ?? []).map(of)
}

/** The broker with which the others are compared. */
function yardstick({ version }: Scenario): ServerName {
  return version === 5 ? 'mosquitto' : 'aedes'
}

/** One row: the median of each broker, and its ratio to the reference broker in the same round. */
function row(
  scenario: Scenario,
  results: Results,
  names: readonly string[],
  of: (one: Measured) => number,
  format: (value: number) => string,
): string[] {
  const stock = column(results, yardstick(scenario), of)
  const cells = names.map((name) => {
    if (!results.has(name)) return ''
    const values = column(results, name, of)
    const isCompared = name !== yardstick(scenario) && stock.length > 0
    const ratio = isCompared ? times(medianRatio(values, stock)) : ''
    return `${format(median(values))} ${ratio.padStart(6)}`
  })
  return [scenario.name, ...cells]
}

const times = (ratio: number) => `${ratio.toFixed(2)}x`
const thousands = (rate: number) => `${(rate / 1000).toFixed(rate < 10_000 ? 1 : 0)}k`
const microseconds = (cost: number) => cost.toFixed(2)
const percent = (part: number) => `${(part * 100).toFixed(0)}%`

function printResults(all: [Scenario, Results][], names: readonly string[]): void {
  const header = (what: string) => [what, ...names.map((name) => `${name}       `)]
  const rows = (
    of: (one: Measured) => number,
    format: (value: number) => string,
  ): (readonly string[])[] =>
    all.map(([scenario, results]) => row(scenario, results, names, of, format))

  print('Messages per second that subscribers received, and the ratio to stock aedes')
  print('(to Mosquitto with MQTT 5)')
  printTable([header('scenario'), ...rows(({ rate }) => rate, thousands)])
  print()
  print(
    "Microseconds of the broker's CPU per message; other programs change this less than the rate",
  )
  printTable([header('scenario'), ...rows(({ cost }) => cost, microseconds)])
  print()
  print('Share of the time that the broker ran, that it waited for its core,')
  print('and that the load generator ran; lost messages + duplicates')
  printTable([
    ['scenario', ...names],
    ...all.map(([{ name }, results]) => [name, ...names.map((broker) => health(results, broker))]),
  ])
}

function health(results: Results, broker: string): string {
  if (!results.has(broker)) return ''
  const part = (of: (one: Measured) => number) => percent(median(column(results, broker, of)))
  const sum = (of: (one: Measured) => number) =>
    column(results, broker, of).reduce((total, one) => total + one, 0)
  return [
    part(({ busy }) => busy),
    part(({ waited }) => waited),
    part(({ loadBusy }) => loadBusy),
    `${sum(({ lost }) => lost)}+${sum(({ extra }) => extra)}`,
  ].join(' ')
}

function reportAll(all: [Scenario, Results][]): void {
  for (const [{ name }, results] of all) {
    for (const [broker, rounds] of results)
      if (rounds.some(({ lost, extra }) => lost + extra > 0))
        fail(`${broker} lost or repeated messages, ${name}`)
    if (!results.has('mosquitto') || !results.has('gateway')) continue
    const costs = (broker: string) => column(results, broker, ({ cost }) => cost)
    const compared = ratios(costs('mosquitto'), costs('gateway'))
    report({
      what: `MQTT, ${name}`,
      measured: `${microseconds(median(costs('gateway')))} µs a message`,
      peer: `Mosquitto ${microseconds(median(costs('mosquitto')))} µs`,
      ratio: `by CPU ${withSpread(compared)}`,
      goals: [[GOALS.mqtt, median(compared)]],
    })
  }
}

async function compare(): Promise<void> {
  const names = values.brokers.split(',') as ServerName[]
  const effort = {
    names,
    rounds: Number(values.rounds ?? 5),
    seconds: Number(values.seconds ?? 0.6),
  }
  await using ground = await createGround()
  const all: [Scenario, Results][] = []
  for (const key of values.only?.split(',') ?? Object.keys(SCENARIOS)) {
    const known = SCENARIOS[key]
    if (!known) throw new Error(`there is no scenario "${key}"`)
    const scenario = values.window ? { ...known, window: Number(values.window) } : known
    all.push([scenario, await measure(ground, scenario, effort)])
  }
  printResults(all, names)
  reportAll(all)
  if (values.profile)
    for (const name of names) if (name !== 'mosquitto') await printProfile(values.profile, name)
}

if (values.help) print(HELP)
else if (values.slow)
  await runSlow({ rounds: Number(values.rounds ?? 1), seconds: Number(values.seconds ?? 6) })
else await compare()
