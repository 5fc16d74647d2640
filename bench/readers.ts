// Measures a POST to a topic without readers while streams of other topics open and close: node bench/readers.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import type { ChangingJob } from './support/changing-load.ts'
import { startWorker, type Worker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { type HttpSite, openSite } from './support/http-site.ts'
import { median, print, printTable, ratios, rotated, withSpread } from './support/rounds.ts'
import { MANY, type Server, startBareStreams, startServer } from './support/servers.ts'

const CHANGES_A_SECOND = 200
/** With less than this part of the changes, the load generator was too late. */
const ENOUGH = 0.9
const WARM_SECONDS = 2
const HELP = `Usage: node bench/readers.ts [OPTIONS]

Measures the CPU of a POST to a topic without readers, while streams of other topics are open, and while ${CHANGES_A_SECOND} more open or close
each second. There is one gateway for each number of streams. Each is compared with the first in turn; both bear the same changes, so
nothing is subtracted. Bare Node.js servers, which only keep the streams open, show how much of it is the work of Node.js.

  --counts LIST   numbers of streams, ascending [20,1500,10000]
  --rounds N      rounds; each round measures all in turn [7]
  --seconds N     seconds of each measurement [1]`

const { values } = parseArgs({
  options: {
    counts: { type: 'string', default: '20,1500,10000' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const seconds = Number(values.seconds)

interface Site {
  readonly name: 'gateway' | 'bare'
  readonly count: number
  readonly streams: Worker<ChangingJob, number>
  readonly posts: HttpSite
  /** Microseconds of CPU per POST in each round. */
  readonly alone: number[]
  readonly beside: number[]
  readonly changes: number[]
}

async function open(
  stack: AsyncDisposableStack,
  ground: Ground,
  { name, count }: Pick<Site, 'name' | 'count'>,
): Promise<Site> {
  const server = stack.use(await start(name, ground))
  const url = new URL('./support/changing-load.ts', import.meta.url)
  const streams = stack.use(startWorker<ChangingJob, number>(url))
  const { httpsPort } = server
  await streams.ask({ kind: 'open', httpsPort, readerDirectory: ground.reader.directory, count })
  const scenario = { version: 1, qos: 0, inFlight: 16 } as const
  const posts = stack.use(await openSite(server, ground, scenario, WARM_SECONDS))
  return { name, count, streams, posts, alone: [], beside: [], changes: [] }
}

function start(name: Site['name'], ground: Ground): Promise<Server> {
  return name === 'bare' ? startBareStreams(ground) : startServer(name, ground, { env: MANY })
}

async function measure({ streams, posts, alone, beside, changes }: Site): Promise<void> {
  const cost = async () => (await posts.load.ask({ kind: 'run', seconds })).cost
  alone.push(await cost())
  await streams.ask({ kind: 'change', perSecond: CHANGES_A_SECOND })
  beside.push(await cost())
  changes.push(await streams.ask({ kind: 'stop' }))
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const sites: Site[] = []
  const counts = values.counts.split(',').map(Number)
  for (const name of ['gateway', 'bare'] as const)
    for (const count of counts) sites.push(await open(stack, ground, { name, count }))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const site of rotated(sites, round)) await measure(site)
  const ours = sites.slice(0, counts.length)
  const bare = sites.slice(counts.length)
  const [few, bareFew] = [ours[0] as Site, bare[0] as Site]
  for (const [index, site] of ours.entries())
    for (const [how, what] of [
      ['', 'alone'],
      [`, ${CHANGES_A_SECOND} of which open or close each second`, 'beside'],
    ] as const) {
      if (site === few) continue
      const costs = site[what]
      const bareCosts = (bare[index] as Site)[what]
      report({
        what: `POST with ${site.count} streams of other topics${how}`,
        measured: `${median(costs).toFixed(1)} µs`,
        peer: `with ${few.count} streams ${median(few[what]).toFixed(1)} µs`,
        ratio: withSpread(ratios(costs, few[what])),
        floor: withSpread(ratios(bareCosts, bareFew[what])),
        goals: [[GOALS.flat, median(ratios(costs, few[what]))]],
        isLoadLate: sites.some(({ changes }) => median(changes) < CHANGES_A_SECOND * ENOUGH),
      })
    }
  print('Microseconds of CPU per POST')
  printTable([
    ['', 'streams', 'alone', 'ratio', 'with changes', 'ratio', 'changes/s'],
    ...sites.map(({ name, count, alone, beside, changes }) => {
      const first = name === 'bare' ? bareFew : few
      return [
        name,
        String(count),
        withSpread(alone, 1),
        withSpread(ratios(alone, first.alone)),
        withSpread(beside, 1),
        withSpread(ratios(beside, first.beside)),
        median(changes).toFixed(0),
      ]
    }),
  ])
}

if (values.help) print(HELP)
else await compare()
