// Measures the memory of idle clients, and how much of it remains after they leave: node bench/memory.ts [--help]
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { startWorker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { IdleJob } from './support/idle-load.ts'
import { startNginx } from './support/nginx.ts'
import { requireOpenFiles } from './support/open-files.ts'
import { print, printTable } from './support/rounds.ts'
import {
  MANY,
  type Server,
  startBareStreams,
  startBareTls,
  startServer,
} from './support/servers.ts'
import type { StreamJob, StreamMeasured } from './support/stream-load.ts'

const HELP = `Usage: node bench/memory.ts [OPTIONS]

Measures the resident memory of the gateway, of nginx with nchan and of Mosquitto: before clients connect, with idle event
streams or MQTT clients with one subscription each, per client, and after they have left. Then as many come to the gateway
again: a leak would show. A bare Node.js server, which only keeps the streams or connections open, shows how much memory Node.js
itself needs for them, and how much it frees. With MQTT clients, a second gateway uses the memory allocator of glibc; the first uses
jemalloc, as in the image, if this machine has libjemalloc.so.2.

  --clients N    number of clients [10000]
  --after N      seconds to wait after they have left [60]
  --only NAMES   parts, comma separated: streams1, streams2, mqtt [all]`

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    after: { type: 'string', default: '60' },
    only: { type: 'string', default: 'streams1,streams2,mqtt' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const clients = Number(values.clients)

const AFTER_MS = Number(values.after) * 1_000
/** V8 collects what the handshakes have left only when a process has been idle for some 10 seconds. */
const SETTLE_MS = Math.min(20_000, AFTER_MS)

/** The clients of one server. */
interface Crowd extends AsyncDisposable {
  readonly name: string
  readonly server: Server
  open(): Promise<unknown>
  close(): Promise<unknown>
}

/** Resident memory of a server in MiB. */
interface Levels {
  readonly name: string
  readonly before: number
  readonly beside: number
  readonly after: number
  /** With as many clients again; NaN if they did not come again. */
  readonly again: number
}

/** proc(5) */
function memoryOf({ server }: Crowd): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** Measures the servers together, so that waiting costs less time; only the first gets its clients a second time. */
async function measure(crowds: readonly [Crowd, ...Crowd[]]): Promise<Levels[]> {
  const [first] = crowds
  const before = crowds.map(memoryOf)
  for (const crowd of crowds) await crowd.open()
  await setTimeout(SETTLE_MS)
  const beside = crowds.map(memoryOf)
  await Promise.all(crowds.map((crowd) => crowd.close()))
  await setTimeout(AFTER_MS)
  const after = crowds.map(memoryOf)
  await first.open()
  await setTimeout(SETTLE_MS)
  const again = memoryOf(first)
  const at = (levels: readonly number[], index: number) => levels[index] ?? Number.NaN
  return crowds.map((crowd, index) => ({
    name: crowd.name,
    before: at(before, index),
    beside: at(beside, index),
    after: at(after, index),
    again: crowd === first ? again : Number.NaN,
  }))
}

function streams(ground: Ground, server: Server, version: 1 | 2, as = server.name): Crowd {
  const load = startWorker<StreamJob, StreamMeasured>(
    new URL('./support/stream-load.ts', import.meta.url),
  )
  const isGateway = server.name === 'gateway'
  const target = {
    pid: server.pid,
    httpsPort: server.httpsPort,
    postPath: '/topics/bench/t',
    unreadPath: '/topics/bench/unread',
    streamPath: isGateway ? '/stream?filter=bench/t&format=raw' : '/stream/bench/t',
    sensorDirectory: ground.sensor.directory,
    readerDirectory: ground.reader.directory,
  }
  return {
    name: `streams, HTTP/${version === 1 ? '1.1' : '2'}, ${as}`,
    server,
    open: () => load.ask({ kind: 'open', target, version, count: clients }),
    close: () => load.ask({ kind: 'close' }),
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  }
}

function mqtt(ground: Ground, server: Server, as = server.name): Crowd {
  const load = startWorker<IdleJob, null>(new URL('./support/idle-load.ts', import.meta.url))
  const { port } = server
  const readerDirectory = ground.reader.directory
  return {
    name: `MQTT clients, ${as}`,
    server,
    open: () => load.ask({ kind: 'open', port, count: clients, readerDirectory }),
    close: () => load.ask({ kind: 'close' }),
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  }
}

const gateway = (ground: Ground) => startServer('gateway', ground, { env: MANY })
const WITH_GLIBC = 'gateway with glibc'
const BARE = 'bare Node.js'
const gatewayWithGlibc = (ground: Ground) =>
  startServer('gateway', ground, { env: { ...MANY, LD_PRELOAD: '' } })

const PARTS: Record<string, (ground: Ground) => Promise<Levels[]>> = {
  streams1: (ground) => measureStreams(ground, 1),
  streams2: (ground) => measureStreams(ground, 2),
  async mqtt(ground) {
    await using ours = await gateway(ground)
    await using bare = await startBareTls(ground)
    await using mosquitto = await startServer('mosquitto', ground)
    await using glibc = await gatewayWithGlibc(ground)
    await using first = mqtt(ground, ours)
    await using second = mqtt(ground, mosquitto)
    await using third = mqtt(ground, bare, BARE)
    await using fourth = mqtt(ground, glibc, WITH_GLIBC)
    return await measure([first, second, third, fourth])
  },
}

async function measureStreams(ground: Ground, version: 1 | 2): Promise<Levels[]> {
  await using ours = await gateway(ground)
  await using nginx = await startNginx(ground)
  await using bare = await startBareStreams(ground)
  await using first = streams(ground, ours, version)
  await using second = streams(ground, nginx, version)
  await using third = streams(ground, bare, version, BARE)
  return await measure([first, second, third])
}

/** KiB per client. */
const eachOf = ({ before, beside }: Levels) => ((beside - before) * 1024) / clients

const mib = (level: number) => `${level.toFixed(0)} MiB`

function reportAll([ours, peer, bare, withGlibc]: readonly Levels[]): void {
  if (!ours || !peer || !bare) return
  reportOne(ours, peer, bare)
  report({
    what: `memory when as many come again, ${ours.name}`,
    measured: `${mib(ours.again)}, the first time ${mib(ours.beside)}`,
    ratio: `${(ours.again / ours.beside).toFixed(2)} x`,
    goals: [[GOALS.memoryAgain, ours.again / ours.beside]],
  })
  if (withGlibc) reportOne(withGlibc, peer, bare)
}

function reportOne(gateway: Levels, peer: Levels, bare: Levels): void {
  const ratio = eachOf(gateway) / eachOf(peer)
  report({
    what: `memory, ${clients} idle ${gateway.name}`,
    measured: `${eachOf(gateway).toFixed(1)} KiB each`,
    peer: `${peer.name} ${eachOf(peer).toFixed(1)} KiB`,
    ratio: `${ratio.toFixed(2)} x`,
    floor: `${eachOf(bare).toFixed(1)} KiB`,
    goals: [
      gateway.name.startsWith('MQTT')
        ? [GOALS.clientMemory, eachOf(gateway)]
        : [GOALS.streamMemory, ratio],
    ],
  })
  report({
    what: `memory after they left, ${gateway.name}`,
    measured: `${mib(gateway.after)}, before ${mib(gateway.before)}`,
    peer: `${peer.name} ${mib(peer.after)}, before ${mib(peer.before)}`,
    ratio: `${(gateway.after / gateway.before).toFixed(2)} x`,
    floor: `${mib(bare.after)}, before ${mib(bare.before)}: ${(bare.after / bare.before).toFixed(2)} x`,
    goals: [[GOALS.memoryAfter, gateway.after / gateway.before]],
  })
}

function row(levels: Levels): string[] {
  const { name, before, beside, after, again } = levels
  const shown = (level: number) => (Number.isNaN(level) ? '' : `${level.toFixed(0)} MiB`)
  const each = `${eachOf(levels).toFixed(1)} KiB`
  return [name, shown(before), shown(beside), each, shown(after), shown(again)]
}

async function compare(): Promise<void> {
  requireOpenFiles(clients)
  await using ground = await createGround()
  const all: Levels[] = []
  for (const name of values.only.split(',')) {
    const part = PARTS[name]
    if (!part) throw new Error(`there is no part "${name}"`)
    const measured = await part(ground)
    reportAll(measured)
    all.push(...measured)
  }
  print(`${clients} idle clients`)
  printTable([
    ['', 'before', 'with clients', 'per client', 'after', 'with clients again'],
    ...all.map(row),
  ])
}

if (values.help) print(HELP)
else await compare()
