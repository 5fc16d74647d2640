// Measures the cost of metrics: node bench/meter.ts [--help]
import { parseArgs } from 'node:util'
import type { BrokerJob, Scenario } from './support/broker-load.ts'
import { startWorker, type Worker } from './support/child.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { HttpJob, HttpScenario } from './support/http-load.ts'
import { meterCalls } from './support/meter-calls.ts'
import { median, medianInterval, print, printTable, ratios } from './support/rounds.ts'
import { type Server, startServer } from './support/servers.ts'

const HELP = `Usage: node bench/meter.ts [OPTIONS]

Measures the microseconds of CPU per message of one gateway, with metrics and without them (silentMeter instead
of prom-client, and no readings). It is one gateway, because two processes would differ by more than this cost.
On a busy machine the cost of the meter calls alone is the better figure.

  --only NAMES    scenarios, comma separated [all]: http-q0, http-q1, mqtt-q0, mqtt-q1
  --rounds N      rounds [15]
  --seconds N     seconds of each measurement [0.6]`

const NUMBER = '21.5'
const percent = (part: number) => `${(part * 100).toFixed(1)}%`

/** Loads one server, and measures its CPU time per message. */
type Load = Worker<{ readonly kind: 'run'; readonly seconds: number }, { readonly cost: number }>

const SCENARIOS: Readonly<Record<string, (ground: Ground, server: Server) => Promise<Load>>> = {
  'http-q0': (ground, server) => openHttp(ground, server, 0),
  'http-q1': (ground, server) => openHttp(ground, server, 1),
  'mqtt-q0': (ground, server) => openMqtt(ground, server, 0),
  'mqtt-q1': (ground, server) => openMqtt(ground, server, 1),
}

async function openHttp(ground: Ground, server: Server, qos: 0 | 1): Promise<Load> {
  const worker = startWorker<HttpJob, { cost: number }>(
    new URL('./support/http-load.ts', import.meta.url),
  )
  const { pid, httpsPort } = server
  const target = { pid, httpsPort, sensorDirectory: ground.sensor.directory }
  const scenario: HttpScenario = { version: 1, qos, inFlight: 64, body: NUMBER }
  await worker.ask({ kind: 'open', target, scenario })
  return worker
}

async function openMqtt(ground: Ground, server: Server, qos: 0 | 1): Promise<Load> {
  const worker = startWorker<BrokerJob, { cost: number }>(
    new URL('./support/broker-load.ts', import.meta.url),
  )
  const { pid, port } = server
  const target = {
    pid,
    port,
    sensorDirectory: ground.sensor.directory,
    readerDirectory: ground.reader.directory,
  }
  const scenario: Scenario = {
    name: `QoS ${qos}`,
    version: 4,
    publishers: 1,
    subscribers: 1,
    qos,
    window: 1000,
    batch: 50,
  }
  await worker.ask({ kind: 'open', target, scenario })
  return worker
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '0.6' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** CPU time per message of each round, with and without counting. */
async function measure(ground: Ground, open: (typeof SCENARIOS)[string]) {
  await using running = new AsyncDisposableStack()
  const preload = new URL('./support/switch-meter.ts', import.meta.url).href
  // with the option of the image
  const env = { NODE_OPTIONS: `--v8-pool-size=1 --import=${preload}` }
  const server = running.use(await startServer('gateway', ground, { env }))
  const load = running.use(await open(ground, server))
  const turn = () => void process.kill(server.pid, 'SIGUSR2')
  const cost = async () => (await load.ask({ kind: 'run', seconds: Number(values.seconds) })).cost
  // warms up the JIT with and without counting; not counted
  for (const _ of ['counting', 'silent', 'counting', 'silent']) {
    await load.ask({ kind: 'run', seconds: 1 })
    turn()
  }
  const costs: Record<'counting' | 'silent', number[]> = { counting: [], silent: [] }
  let now: keyof typeof costs = 'counting'
  for (let round = 0; round < Number(values.rounds); round++) {
    // alternates the order, so that neither always comes first
    costs[now].push(await cost())
    turn()
    now = now === 'counting' ? 'silent' : 'counting'
    costs[now].push(await cost())
  }
  return costs
}

async function compare(): Promise<void> {
  const rows: string[][] = []
  {
    await using stack = new AsyncDisposableStack()
    const ground = stack.use(await createGround())
    for (const name of values.only?.split(',') ?? Object.keys(SCENARIOS)) {
      const open = SCENARIOS[name]
      if (!open) throw new Error(`there is no scenario "${name}"`)
      const { counting, silent } = await measure(ground, open)
      const [counted, uncounted] = [quiet(counting), quiet(silent)]
      const more = ratios(counting, silent).map((ratio) => ratio - 1)
      const calls = name.startsWith('http')
        ? meterCalls('device', Buffer.from(NUMBER))
        : meterCalls('mqtt', Buffer.alloc(100, 'x'))
      rows.push([
        name,
        counted.toFixed(2),
        uncounted.toFixed(2),
        percent(counted / uncounted - 1),
        percent(median(more)),
        medianInterval(more).map(percent).join(' to '),
        calls.toFixed(2),
        percent(calls / uncounted),
      ])
    }
  }
  print(
    'Microseconds of CPU per message in the cheapest tenth of the rounds, and how much counting adds;',
  )
  print(
    'how much it adds by the median of all rounds, with the 95 % interval; and the cost of the calls to',
  )
  print('the meter alone')
  printTable([['', 'counting', 'silent', '', 'median', '', 'calls', ''], ...rows])
}

/** The median of the cheapest rounds: other programs can only add to a cost. */
function quiet(costs: readonly number[]): number {
  const sorted = costs.toSorted((a, b) => a - b)
  return median(sorted.slice(0, Math.max(1, Math.round(costs.length / 10))))
}

if (values.help) print(HELP)
else await compare()
