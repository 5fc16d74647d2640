import { parseArgs } from 'node:util'
import { startWorker } from '../../bench/support/child.ts'
import { print, printTable } from '../../bench/support/rounds.ts'
import { ALL_AT_ONCE, ATTACKS } from './attacks.ts'
import type { HonestJob, HonestMeasured } from './honest.ts'
import { type Site, startSite } from './site.ts'

export interface Latency {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface Experience {
  readonly http: Latency
  readonly mqtt: Latency
  readonly connect: Latency
  /** CPU time of the gateway during a reading. */
  readonly work: Latency
  readonly failed: number
}

export interface AttackReport {
  readonly name: string
  readonly quiet: Experience
  readonly attacked: Experience
  /** Bytes. */
  readonly peakMemory: number
  /** Counters of the gateway during the attack, by metric and labels. */
  readonly counted: ReadonlyMap<string, number>
}

const RETAINED = 50_000
const HONEST = 'honest.d.wott.local'
const WARM_UP_SECONDS = 1
const QUIET_SECONDS = 5
const SETTLE_SECONDS = 2

export interface FieldOptions {
  /** Retained messages for an attack that reads them. */
  readonly retained?: number
  readonly profile?: string | undefined
  readonly broker?: string | undefined
}

export interface AttackOptions {
  readonly seconds: number
  readonly quietSeconds?: number
  /** Time for attackers to connect and to use up their burst allowance. */
  readonly settleSeconds?: number
  /** The attackers get at most this much more time to reach a limit, because they are slow on a busy machine. */
  readonly limitWithinSeconds?: number
}

/** A gateway that an honest device uses, and that can be attacked. */
export interface Field extends AsyncDisposable {
  attack(name: string, options: AttackOptions): Promise<AttackReport>
}

export async function openField({
  warmUpSeconds = WARM_UP_SECONDS,
  ...options
}: FieldOptions & { readonly warmUpSeconds?: number } = {}): Promise<Field> {
  await using building = new AsyncDisposableStack()
  const site = building.use(await startSite(options))
  const { directory } = await site.issue(HONEST)
  const honest = building.use(
    startWorker<HonestJob, HonestMeasured>(new URL('./honest.ts', import.meta.url)),
  )
  await honest.ask({ kind: 'open', ports: site.ports, pid: site.pid, directory, id: HONEST })
  // warms up the JIT; not counted
  await honest.ask({ kind: 'run', seconds: warmUpSeconds })
  const running = building.move()
  return {
    async attack(name, options) {
      const { seconds, quietSeconds = QUIET_SECONDS, settleSeconds = SETTLE_SECONDS } = options
      const quiet = toExperience(await honest.ask({ kind: 'run', seconds: quietSeconds }))
      const before = await site.counters()
      await Promise.all(attacksOf(name).map((each) => site.attack(each)))
      const deadline = performance.now() + 1000 * (options.limitWithinSeconds ?? 0)
      const isLimited = async () => limitedOf(await countedSince(before, site)).length > 0
      do await honest.ask({ kind: 'run', seconds: settleSeconds })
      while (performance.now() < deadline && !(await isLimited()))
      const attacked = toExperience(await honest.ask({ kind: 'run', seconds }))
      const counted = await countedSince(before, site)
      await site.endAttacks()
      return { name, quiet, attacked, peakMemory: await site.peakMemory(), counted }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function attacksOf(name: string): string[] {
  return name === ALL_AT_ONCE ? Object.keys(ATTACKS) : [name]
}

/** Attacks a new gateway for some seconds while an honest device uses it. */
async function runAttack(
  name: string,
  { seconds, ...options }: FieldOptions & { readonly seconds: number },
): Promise<AttackReport> {
  const retained = attacksOf(name).includes('retained') ? RETAINED : 0
  await using field = await openField({ retained, ...options })
  return await field.attack(name, { seconds })
}

function toExperience({ failed, ...took }: HonestMeasured): Experience {
  return {
    http: toLatency(took.http),
    mqtt: toLatency(took.mqtt),
    connect: toLatency(took.connect),
    work: toLatency(took.work),
    failed,
  }
}

function toLatency(took: readonly number[]): Latency {
  const sorted = took.toSorted((a, b) => a - b)
  const quantile = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  return { p50: quantile(0.5), p99: quantile(0.99) }
}

async function countedSince(
  before: ReadonlyMap<string, number>,
  site: Site,
): Promise<ReadonlyMap<string, number>> {
  const counted = new Map<string, number>()
  for (const [sample, value] of await site.counters()) {
    const more = value - (before.get(sample) ?? 0)
    if (more > 0) counted.set(sample, more)
  }
  return counted
}

const HELP = `Usage: npm run attack -- [NAME ...] [--minutes N] [--broker URL] [--profile DIR]

Floods a gateway while an honest device uses it, and prints for that device the
median and 99th percentile of: a reading over HTTP (POST with QoS 1 until the
answer), a reading over MQTT (from publisher to subscriber), and a new connection.
Also prints the CPU time of the gateway during a reading, which other programs do
not change; the failures of the device; the highest memory of the gateway; and the
counters of limited, refused and closed requests and connections.

Each attack has its own gateway with default settings and a store on disk. The
gateway runs on core 0. The honest device and the attackers run on core 1, the
attackers with a lower priority. Needs Linux and taskset.

Attacks (by default all, one after the other):
${Object.entries(ATTACKS)
  .map(([name, { about }]) => `  ${name.padEnd(18)} ${about}`)
  .join('\n')}
  ${ALL_AT_ONCE.padEnd(18)} all of these at the same time, each by its own device

  --minutes N        duration of each attack, 0.1 by default
  --broker memory:   keeps messages in memory, so that a slow disk has no influence
  --profile DIR      writes a CPU profile of the gateway
  --help
`

/** Counters of limited, refused, dropped or closed requests and connections. */
const LIMITED =
  /^wott_(connections_cut|connections_refused|publishes_delayed|turns_awaited|deliveries_dropped|streams_refused|store_limits_reached|\w*(limited|refused|reset|delayed|cut))\w*_total|result="(?!accepted|full|resumed)/

export function limitedOf(counted: AttackReport['counted']): [string, number][] {
  return [...counted].filter(([sample]) => LIMITED.test(sample))
}

function rowOf({ name, quiet, attacked, peakMemory }: AttackReport): string[] {
  const shown = ({ p50, p99 }: Latency) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`
  return [
    name,
    ...[shown(quiet.http), shown(attacked.http)],
    ...[shown(quiet.mqtt), shown(attacked.mqtt)],
    ...[shown(quiet.connect), shown(attacked.connect)],
    ...[shown(quiet.work), shown(attacked.work)],
    String(attacked.failed),
    `${(peakMemory / 1024 ** 2).toFixed(0)} MiB`,
  ]
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '0.1' },
      profile: { type: 'string' },
      broker: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return print(HELP)
  const names = positionals.length > 0 ? positionals : [...Object.keys(ATTACKS), ALL_AT_ONCE]
  const unknown = names.find((name) => name !== ALL_AT_ONCE && !ATTACKS[name])
  if (unknown) throw new Error(`There is no attack "${unknown}"; --help lists them.`)
  print('Milliseconds, median / 99th percentile, without and with the attack. The gateway has one')
  print('core; the honest device and the attackers share another.')
  const reports: AttackReport[] = []
  for (const name of names) {
    const { minutes, profile, broker } = values
    const report = await runAttack(name, { seconds: Number(minutes) * 60, profile, broker })
    reports.push(report)
    print(`\n${name}`)
    for (const [sample, value] of limitedOf(report.counted)) print(`  ${value} ${sample}`)
  }
  print()
  printTable([
    [
      ...['', 'http', 'attacked', 'mqtt', 'attacked', 'connect', 'attacked', 'work', 'attacked'],
      ...['failed', 'memory'],
    ],
    ...reports.map(rowOf),
  ])
}

if (import.meta.main) await main()
