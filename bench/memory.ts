// Measures the memory of idle clients, and how much of it remains after they leave: node bench/memory.ts [--help]
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startWorker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { IdleJob } from './support/idle-load.ts'
import { startNginx } from './support/nginx.ts'
import { requireOpenFiles } from './support/open-files.ts'
import { print, printTable } from './support/rounds.ts'
import { MANY, type Server, startBareTls, startServer } from './support/servers.ts'
import type { StreamJob, StreamMeasured } from './support/stream-load.ts'

const HELP = `Usage: node bench/memory.ts [OPTIONS]

Measures the resident memory of the gateway, of nginx with nchan and of Mosquitto: before clients connect, with idle event
streams or MQTT clients with one subscription each, per client, and a minute after they have left. With MQTT clients, node:tls
alone shows how much memory Node.js itself needs for a connection with mutual TLS, and how much it frees.

  --clients N    number of clients [10000]
  --after N      seconds after they have left [60]
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

/** Opens and closes the clients of a server. */
interface Crowd {
  open(): Promise<unknown>
  close(): Promise<unknown>
}

/** Resident memory in MiB: proc(5). */
function memoryOf({ pid }: Server): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

async function measure(name: string, server: Server, crowd: Crowd): Promise<string[]> {
  const before = memoryOf(server)
  await crowd.open()
  await setTimeout(5_000)
  const beside = memoryOf(server)
  await crowd.close()
  await setTimeout(Number(values.after) * 1000)
  const left = memoryOf(server)
  return [
    name,
    ...[before, beside].map((mib) => `${mib.toFixed(0)} MiB`),
    `${(((beside - before) * 1024) / clients).toFixed(1)} KiB`,
    `${left.toFixed(0)} MiB`,
    `${(left / before).toFixed(2)}x`,
  ]
}

async function streams(ground: Ground, server: Server, version: 1 | 2): Promise<string[]> {
  await using load = startWorker<StreamJob, StreamMeasured>(
    new URL('./support/stream-load.ts', import.meta.url),
  )
  const isGateway = server.name === 'gateway'
  const target = {
    pid: server.pid,
    httpsPort: server.httpsPort,
    postPath: '/topics/bench/t',
    streamPath: isGateway ? '/stream?filter=bench/t&format=raw' : '/stream/bench/t',
    sensorDirectory: ground.sensor.directory,
    readerDirectory: ground.reader.directory,
  }
  return await measure(`streams, HTTP/${version === 1 ? '1.1' : '2'}, ${server.name}`, server, {
    open: () => load.ask({ kind: 'open', target, version, count: clients }),
    close: () => load.ask({ kind: 'close' }),
  })
}

async function mqtt(ground: Ground, server: Server): Promise<string[]> {
  await using load = startWorker<IdleJob, null>(new URL('./support/idle-load.ts', import.meta.url))
  const { port } = server
  const readerDirectory = ground.reader.directory
  return await measure(`MQTT clients, ${server.name}`, server, {
    open: () => load.ask({ kind: 'open', port, count: clients, readerDirectory }),
    close: () => load.ask({ kind: 'close' }),
  })
}

const gateway = (ground: Ground) => startServer('gateway', ground, { env: MANY })
const PARTS: Record<string, (ground: Ground) => Promise<string[][]>> = {
  async streams1(ground) {
    await using ours = await gateway(ground)
    await using nginx = await startNginx(ground)
    return [await streams(ground, ours, 1), await streams(ground, nginx, 1)]
  },
  async streams2(ground) {
    await using ours = await gateway(ground)
    await using nginx = await startNginx(ground)
    return [await streams(ground, ours, 2), await streams(ground, nginx, 2)]
  },
  async mqtt(ground) {
    await using ours = await gateway(ground)
    await using bare = await startBareTls(ground)
    await using mosquitto = await startServer('mosquitto', ground)
    return [await mqtt(ground, ours), await mqtt(ground, bare), await mqtt(ground, mosquitto)]
  },
}

/** Reports the memory per client of the gateway and of its peer, and how much remains. */
function reportBoth([ours = [], peer = []]: readonly string[][]): void {
  const [[name = '', , , own = '', , left = ''], [other = '', , , theirs = '']] = [ours, peer]
  report({
    what: `memory, ${clients} idle ${name}`,
    measured: `${own} each; after they left ${left} of before`,
    against: `${other} ${theirs}; goal at most ${name.startsWith('MQTT') ? '45 KiB' : '1.3 x nchan'}`,
    ratio: `${(Number.parseFloat(own) / Number.parseFloat(theirs)).toFixed(2)} x`,
  })
}

async function compare(): Promise<void> {
  requireOpenFiles(clients)
  await using ground = await createGround()
  const rows: string[][] = []
  for (const name of values.only.split(',')) {
    const part = PARTS[name]
    if (!part) throw new Error(`there is no part "${name}"`)
    const measured = await part(ground)
    reportBoth(measured)
    rows.push(...measured)
  }
  print(`${clients} idle clients`)
  printTable([['', 'before', 'with clients', 'per client', 'after', 'after / before'], ...rows])
}

if (values.help) print(HELP)
else await compare()
