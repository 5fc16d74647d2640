// Measures a POST with more and more connections, topics, streams and sessions: node bench/scale.ts [--help]
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { cpuOf } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { connectHttp, postRequest } from './support/http-connection.ts'
import { type HttpSite, measureInTurn, openSite, valuesOf } from './support/http-site.ts'
import { openOtherStreams } from './support/other-streams.ts'
import { connectPeers, contextOf } from './support/peer.ts'
import { median, print, printTable, ratios, withSpread } from './support/rounds.ts'
import { MANY, type Server, startBareHttp, startServer } from './support/servers.ts'

const AT_ONCE = 16
const LINES = 500
const HELP = `Usage: node bench/scale.ts [OPTIONS]

Measures the CPU of a POST to a topic without readers, while the gateway holds many unrelated objects: idle connections, topics
with a retained message, event streams of other topics, and MQTT sessions of offline clients with other topics. Each is compared
with a gateway that holds none, in turn. "bare" does the same with idle connections of a bare Fastify, which shows how much of the growth
is that of Node.js and the memory allocator. Measuring starts when the gateway has finished with new objects; what it does for them
when idle, such as heartbeats, is part of the cost.

  --sizes LIST   numbers of objects, ascending [10,100,1000,10000]
  --only NAMES   connections, bare, topics, streams, sessions [all]
  --rounds N     rounds [5]
  --seconds N    seconds of each measurement [0.8]`

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10,100,1000,10000' },
    only: { type: 'string', default: 'connections,bare,topics,streams,sessions' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.8' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const sizes = values.sizes.split(',').map(Number)
const IDLE_MS = 1_000
/** The gateway has finished with new objects when it uses less than this part of a core. */
const SETTLED = 0.1
const SETTLE_SECONDS = 60
const WARM_SECONDS = 2
const SETTINGS = {
  ...MANY,
  WOTT_MAX_SESSIONS: '100000',
  WOTT_MAX_SESSIONS_PER_DEVICE: '100000',
}

/** Adds objects with the numbers `from` to `to`, and returns a function that removes them. */
type Grow = (server: Server, ground: Ground, from: number, to: number) => Promise<() => void>

const GROWTHS: Readonly<Record<string, Grow>> = {
  connections: growConnections,
  bare: growConnections,
  async topics({ httpsPort }, { sensor }, from, to) {
    const connection = await connectHttp(httpsPort, contextOf(sensor.directory))
    for (let first = from; first < to; first += LINES) {
      const lines = Array.from({ length: Math.min(LINES, to - first) }, (_, n) =>
        JSON.stringify({ topic: `other/${first + n}/t`, payload: 1, retain: true }),
      )
      const headers = { 'content-type': 'application/x-ndjson' }
      const body = Buffer.from(lines.join('\n'))
      const { promise, resolve } = Promise.withResolvers<number>()
      connection.send(postRequest('/topics', body, headers), resolve)
      const status = await promise
      if (status !== 200) throw new Error(`answered with ${status}`)
    }
    connection.close()
    return () => {}
  },
  async streams(server, ground, from, to) {
    const sessions = await openOtherStreams(server, ground, from, to)
    return () => {
      for (const session of sessions) session.destroy()
    }
  },
  async sessions({ port }, { reader }, from, to) {
    const context = contextOf(reader.directory)
    const sockets = await connectPeers(to - from, (n) => ({
      port,
      context,
      clientId: `away-${from + n}`,
      stays: true,
      subscribe: { topic: `other/${from + n}/#`, qos: 1 },
    }))
    for (const socket of sockets) socket.on('error', () => {}).destroy()
    return () => {}
  },
}

async function growConnections(
  { httpsPort }: Server,
  { sensor }: Ground,
  from: number,
  to: number,
): Promise<() => void> {
  const context = contextOf(sensor.directory)
  const open = await inSteps(from, to, AT_ONCE, () => connectHttp(httpsPort, context))
  return () => {
    for (const connection of open) connection.close()
  }
}

async function inSteps<T>(
  from: number,
  to: number,
  step: number,
  make: () => Promise<T>,
): Promise<T[]> {
  const made: T[] = []
  for (let first = from; first < to; first += step)
    made.push(...(await Promise.all(Array.from({ length: Math.min(step, to - first) }, make))))
  return made
}

/** Waits until the gateway has finished with the objects that were just added. Returns its seconds of CPU per second then. */
async function settle(server: Server): Promise<number> {
  for (let second = 0; second < SETTLE_SECONDS; second++) {
    const share = await shareOf(server)
    if (share < SETTLED) return share
  }
  throw new Error(`the gateway still works after ${SETTLE_SECONDS} s`)
}

async function shareOf({ pid }: Server): Promise<number> {
  const before = cpuOf(pid).busy
  const start = performance.now()
  await setTimeout(IDLE_MS)
  return ((cpuOf(pid).busy - before) * 1000) / (performance.now() - start)
}

async function measure(ground: Ground, name: string, grow: Grow): Promise<string[][]> {
  await using stack = new AsyncDisposableStack()
  const scenario = { version: 1, qos: 0, inFlight: 16 } as const
  const start = () =>
    name === 'bare' ? startBareHttp(ground) : startServer('gateway', ground, { env: SETTINGS })
  const none = stack.use(await start())
  const many = stack.use(await start())
  const sites = [
    stack.use(await openSite(none, ground, scenario, WARM_SECONDS)),
    stack.use(await openSite(many, ground, scenario, WARM_SECONDS)),
  ]
  const [few, beside] = sites as [HttpSite, HttpSite]
  const rows: string[][] = []
  let from = 0
  for (const size of sizes) {
    stack.defer(await grow(many, ground, from, size))
    from = size
    const idle = await settle(many)
    for (const { rounds } of sites) rounds.length = 0
    await measureInTurn(sites, { rounds: Number(values.rounds), seconds: Number(values.seconds) })
    const costs = valuesOf(beside, 'cost')
    const compared = ratios(costs, valuesOf(few, 'cost'))
    rows.push([
      textOf(name, size),
      withSpread(costs, 1),
      withSpread(compared),
      `${(idle * 100).toFixed(1)}%`,
    ])
    if (size === sizes.at(-1))
      report({
        what: `POST with ${textOf(name, size)}`,
        measured: `${withSpread(costs, 1)} µs`,
        peer: name === 'bare' ? 'bare Fastify without them' : 'gateway without them',
        ratio: withSpread(compared),
        goals: name === 'bare' ? [] : [[GOALS.flat, median(compared)]],
      })
  }
  return rows
}

function textOf(name: string, size: number): string {
  return name === 'bare' ? `${size} connections of a bare Fastify` : `${size} ${name}`
}

async function compare(): Promise<void> {
  await using ground = await createGround()
  const rows: string[][] = []
  for (const name of values.only.split(',')) {
    const grow = GROWTHS[name]
    if (!grow) throw new Error(`unknown name "${name}" in --only`)
    rows.push(...(await measure(ground, name, grow)))
  }
  print(
    'Microseconds of CPU per POST, the ratio to a server without these objects, and the share of a core',
  )
  print('that the idle server uses')
  printTable([['with', 'per POST', 'ratio', 'idle'], ...rows])
}

if (values.help) print(HELP)
else await compare()
