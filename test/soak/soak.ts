import { parseArgs } from 'node:util'
import { print, rotated } from '../../bench/support/rounds.ts'
import { type Site, startSite } from './site.ts'
import { findGrowth, type Growth, type MemoryBounds, type State } from './trend.ts'
import { reload } from './visits/reloads.ts'
import { VISITS } from './visits.ts'

export interface SoakReport {
  /** After the warm-up. */
  readonly rounds: readonly State[]
  readonly grown: readonly Growth[]
}

export interface SoakOptions {
  /** Whether another round is due after this number of rounds. */
  readonly goesOn: (rounds: number) => boolean
  readonly most?: MemoryBounds
  readonly onRound?: (round: number, state: State) => void
}

const MIB = 1024 ** 2
const MOST: MemoryBounds = { heap: 8 * MIB, rss: 64 * MIB }
/** Share of the rounds in which code is compiled and caches fill. */
const WARM_UP = 1 / 4

/** Connects and disconnects clients of every kind in rounds, and compares the gateway's resources after each round. */
export async function runSoak({ goesOn, most = MOST, onRound }: SoakOptions): Promise<SoakReport> {
  await using site = await startSite()
  const states: State[] = []
  for (let round = 0; goesOn(round); round++) {
    await Promise.all([reload(site, round), ...site.devices.map((_, lane) => stay(site, lane))])
    // after the first round not all caches are full, so the second round has more
    const state = await site.settle(round < 2 ? null : (states.at(-1) ?? null))
    states.push(state)
    onRound?.(round, state)
  }
  const rounds = states.slice(Math.ceil(states.length * WARM_UP))
  return { rounds, grown: findGrowth(rounds, most) }
}

/** All visits, one after the other, by one device. */
async function stay(site: Site, lane: number): Promise<void> {
  const device = site.devices[lane]
  if (!device) return
  const root = `dev/device-${lane}.d.wott.local`
  for (const visit of rotated(VISITS, lane * 3)) await visit({ site, lane, device, root })
}

const HELP = `Usage: npm run soak -- [--minutes N]

Starts a gateway with a store on disk, and connects and disconnects clients in rounds:
devices over HTTP/1.1, HTTP/2, MQTT 3.1.1 and 5, and WebSocket, with sessions, wills
and streams that resume; viewers who log in and out; and clients without a certificate.
Each round also installs a new revocation list and ACL file. When all clients of a round
have left, it prints the memory and the other resources that the gateway still uses.

The first ${WARM_UP * 100} % of the rounds are a warm-up. At the end it compares the last third of the
other rounds with their first third, and prints what grew: the number of descriptors,
handles, listeners, connections, streams, sessions, waiting messages, held bytes or socket
objects; memory after a garbage collection by more than ${MOST.heap / MIB} MiB; resident memory by more
than ${MOST.rss / MIB} MiB. If anything grew, the exit code is 1. Needs Linux and taskset.

  --minutes N        duration, 10 by default; at least 8 rounds
  --help
`
const LEAST_ROUNDS = 8

function printRound(round: number, { heap, rss, counts }: State): void {
  const sum = (start: string) =>
    Object.entries(counts).reduce(
      (total, [name, value]) => (name.startsWith(start) ? total + value : total),
      0,
    )
  const inMiB = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`
  print(
    [
      ...[`round ${round + 1}`, `heap ${inMiB(heap)}`, `rss ${inMiB(rss)}`],
      ...[`descriptors ${counts.descriptors}`, `handles ${sum('handles')}`],
      ...[`listeners ${sum('listeners')}`, `connections ${sum('wott_connections')}`],
      ...[`streams ${sum('wott_streams')}`, `sessions ${counts.sessions}`],
      `held ${sum('wott_memory_held_bytes')} bytes, objects ${sum('objects')}`,
    ].join(', '),
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return print(HELP)
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0')
  const end = performance.now() + minutes * 60_000
  const { rounds, grown } = await runSoak({
    goesOn: (round) => round < LEAST_ROUNDS || performance.now() < end,
    onRound: printRound,
  })
  for (const { name, from, to } of grown) print(`grew: ${name}, from ${from} to ${to}`)
  if (grown.length === 0) print(`nothing grew over ${rounds.length} rounds`)
  else process.exitCode = 1
}

if (import.meta.main) await main()
