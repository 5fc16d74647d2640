// Measures the time from a POST to its readers at a steady rate: node bench/latency.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { startWorker } from './support/child.ts'
import { isLate, report } from './support/findings.ts'
import type { Pauses } from './support/gc-probe.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { LatencyJob, LatencyMeasured } from './support/latency-load.ts'
import { startNginx } from './support/nginx.ts'
import type { Quantiles } from './support/quantiles.ts'
import { median, print, printTable, rotated } from './support/rounds.ts'
import { type Server, startServer } from './support/servers.ts'

const HELP = `Usage: node bench/latency.ts [OPTIONS]

Measures the milliseconds from when a POST is due until an MQTT subscriber and an event stream have the message, and until the
publisher has its answer. The rate is steady. The servers are the gateway and nginx with nchan. "own" is the delay of the load
generator itself, which is not the server's fault; "GC" is the longest pause of the gateway's garbage collector.

  --rate N      readings per second [1000]
  --rounds N    rounds; each round measures all in turn [5]
  --seconds N   seconds of each measurement [4]`

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

type Round = LatencyMeasured & { readonly gc: Pauses | null }

async function measure(ground: Ground, server: Server): Promise<Round> {
  await using load = startWorker<LatencyJob, LatencyMeasured>(
    new URL('./support/latency-load.ts', import.meta.url),
  )
  const isGateway = server.name === 'gateway'
  const job = {
    pid: server.pid,
    httpsPort: server.httpsPort,
    mqttPort: server.port,
    streamPath: isGateway ? '/stream?filter=bench/t&format=raw' : '/stream/bench/t',
    sensorDirectory: ground.sensor.directory,
    readerDirectory: ground.reader.directory,
    rate: Number(values.rate),
  }
  // warms up the JIT; not counted
  await load.ask({ ...job, seconds: 1 })
  const pauses = async () => (isGateway ? await server.ask<Pauses>('pauses') : null)
  await pauses()
  const measured = await load.ask({ ...job, seconds: Number(values.seconds) })
  return { ...measured, gc: await pauses() }
}

type What = Exclude<keyof LatencyMeasured, 'busy'>

function middle(rounds: readonly LatencyMeasured[], what: What, quantile: keyof Quantiles) {
  return median(rounds.map((round) => round[what][quantile]))
}

function shown(rounds: readonly LatencyMeasured[], what: What): string {
  const of = (quantile: keyof Quantiles) => middle(rounds, what, quantile)
  if (of('count') === 0) return '-'
  return `${of('p50').toFixed(2)} / ${of('p99').toFixed(2)} / ${of('p999').toFixed(1)}`
}

const probe = new URL('./support/gc-probe.ts', import.meta.url)

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const sites = [
    { server: stack.use(await startServer('gateway', ground, { probe })), rounds: [] as Round[] },
    { server: stack.use(await startNginx(ground)), rounds: [] as Round[] },
  ]
  for (let round = 0; round < Number(values.rounds); round++)
    for (const { server, rounds } of rotated(sites, round))
      rounds.push(await measure(ground, server))
  const [gateway, nchan] = sites.map(({ rounds }) => rounds) as [Round[], Round[]]
  for (const [what, name] of [
    ['mqtt', 'MQTT subscriber'],
    ['stream', 'event stream'],
  ] as const)
    report({
      what: `from a POST to an ${name}, ${values.rate} a second`,
      measured: `${shown(gateway, what)} ms (p50 / p99 / p99.9)`,
      peer: `nchan ${shown(nchan, what)}; own lateness ${shown(gateway, 'own')}`,
      goals: [
        [GOALS.p50, middle(gateway, what, 'p50')],
        [GOALS.p99, middle(gateway, what, 'p99')],
        [GOALS.p999, middle(gateway, what, 'p999')],
      ],
      isLoadLate: isLate(middle(gateway, 'own', 'p99'), middle(gateway, what, 'p99')),
    })
  print(`${values.rate} readings per second; milliseconds, p50 / p99 / p99.9`)
  printTable([
    ['', 'MQTT subscriber', 'event stream', 'answer', 'own', 'busy', 'GC'],
    ...sites.map(({ server, rounds }) => [
      server.name,
      ...(['mqtt', 'stream', 'answer', 'own'] as const).map((what) => shown(rounds, what)),
      `${(median(rounds.map(({ busy }) => busy)) * 100).toFixed(0)}%`,
      server.name === 'gateway' ? median(rounds.map(({ gc }) => gc?.longest ?? 0)).toFixed(1) : '',
    ]),
  ])
}

if (values.help) print(HELP)
else await compare()
