// Measures a TLS handshake with a client certificate and one POST: node bench/handshakes.ts [--help]
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { startWorker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import type { HandshakeJob, HandshakeMeasured } from './support/handshake-load.ts'
import { startNginx } from './support/nginx.ts'
import { median, print, printTable, ratios, rotated, withSpread } from './support/rounds.ts'
import { type Server, startBareHttps, startServer } from './support/servers.ts'

const HELP = `Usage: node bench/handshakes.ts [OPTIONS]

Opens a connection with mutual TLS, sends one POST and closes the connection, again and again. The servers are the gateway,
node:https, and nginx with a fixed answer. Prints connections per second and microseconds of the server's CPU per connection.

  --rounds N    rounds; each round measures all in turn [7]
  --seconds N   seconds of each measurement [1.5]`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1.5' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

interface Site {
  readonly server: Server
  readonly path: string
  readonly rounds: HandshakeMeasured[]
}

async function measure(ground: Ground, sites: readonly Site[], resumed: boolean): Promise<void> {
  await using load = startWorker<HandshakeJob, HandshakeMeasured>(
    new URL('./support/handshake-load.ts', import.meta.url),
  )
  const ask = ({ server, path }: Site, seconds: number) =>
    load.ask({
      pid: server.pid,
      httpsPort: server.httpsPort,
      path,
      resumed,
      seconds,
      sensorDirectory: ground.sensor.directory,
    })
  // warms up the JIT; not counted
  for (const site of sites) await ask(site, 0.5)
  for (let round = 0; round < Number(values.rounds); round++)
    for (const site of rotated(sites, round))
      site.rounds.push(await ask(site, Number(values.seconds)))
}

function row(name: string, sites: readonly Site[]): string[] {
  const of = ({ rounds }: Site, what: keyof HandshakeMeasured) => rounds.map((one) => one[what])
  const [gateway, bare, nginx] = sites as [Site, Site, Site]
  const beside = (other: Site) => ratios(of(other, 'cost'), of(gateway, 'cost'))
  report({
    what: `handshake and one POST, ${name}`,
    measured: aCore(median(of(gateway, 'cost'))),
    peer: `nginx ${aCore(median(of(nginx, 'cost')))}`,
    ratio: `of nginx ${withSpread(beside(nginx))}`,
    floor: `node:https ${aCore(median(of(bare, 'cost')))}`,
    goals: [[GOALS.handshake, median(beside(nginx))]],
  })
  return [
    name,
    ...sites.map(
      (site) => `${median(of(site, 'rate')).toFixed(0)}, ${median(of(site, 'cost')).toFixed(0)} µs`,
    ),
    withSpread(beside(bare)),
    withSpread(beside(nginx)),
  ]
}

function aCore(cost: number): string {
  return `${(1e6 / cost).toFixed(0)}/s a core`
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const servers: [Server, string][] = [
    [stack.use(await startServer('gateway', ground)), '/topics/bench/t'],
    [stack.use(await startBareHttps(ground)), '/topics/bench/t'],
    [stack.use(await startNginx(ground)), '/ok'],
  ]
  const rows: string[][] = []
  const costs: { readonly gateway: number[]; readonly bare: number[] }[] = []
  for (const resumed of [false, true]) {
    const sites: Site[] = servers.map(([server, path]) => ({ server, path, rounds: [] }))
    await measure(ground, sites, resumed)
    rows.push(row(resumed ? 'resumed' : 'full', sites))
    const [gateway = [], bare = []] = sites.map((site) => site.rounds.map(({ cost }) => cost))
    costs.push({ gateway, bare })
  }
  const [full, resumed] = costs as [(typeof costs)[number], (typeof costs)[number]]
  const times = ratios(full.gateway, resumed.gateway)
  report({
    what: 'resumed handshake, compared with a full one',
    measured: `${median(resumed.gateway).toFixed(0)} µs`,
    peer: `full ${median(full.gateway).toFixed(0)} µs`,
    ratio: `${withSpread(times)} x`,
    floor: `node:https ${withSpread(ratios(full.bare, resumed.bare))} x`,
    goals: [[GOALS.resumed, median(times)]],
  })
  print(
    'Connections per second, CPU time per connection, and the speed of the gateway by CPU relative to the others',
  )
  printTable([['', 'gateway', 'node:https', 'nginx', 'of node:https', 'of nginx'], ...rows])
}

if (values.help) print(HELP)
else await compare()
