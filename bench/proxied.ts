// Compares requests with the certificate in a header with direct requests of the device: node bench/proxied.ts [--help]
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../test/support/free-port.ts'
import { createPki } from '../test/support/pki.ts'
import { passedOn } from '../test/support/proxied.ts'
import { startWorker, type Worker } from './support/child.ts'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import type { HttpJob, HttpMeasured, HttpScenario } from './support/http-load.ts'
import { median, print, printTable, ratios, rotated, withSpread } from './support/rounds.ts'
import { startServer } from './support/servers.ts'

const HELP = `Usage: node bench/proxied.ts [OPTIONS]

Sends POST /topics/… with 100 bytes over kept-alive TLS connections to one gateway: to its device door with the
certificate of a device, and to its proxy door with the certificate of a proxy and the device's in Client-Cert.

  --rounds N      rounds [5]
  --seconds N     seconds of each measurement [0.8]`

const SCENARIOS: Readonly<Record<string, HttpScenario>> = {
  'h1-1': { version: 1, qos: 0, inFlight: 1 },
  'h1-64': { version: 1, qos: 0, inFlight: 64 },
  'h2-64': { version: 2, qos: 0, inFlight: 64 },
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.8' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const ground = stack.use(await createGround())
  const directory = await mkdtemp(join(tmpdir(), 'wott-bench-proxy-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const proxy = await (await createPki(directory)).issue('proxy.example')
  const caFile = join(directory, 'ca.crt')
  await rename(proxy.caFile, caFile)
  // the CA with which the load generator verifies the gateway
  await writeFile(proxy.caFile, ground.server.ca)
  const port = await freePort()
  const env = {
    WOTT_PROXY_LISTEN: `127.0.0.1:${port}`,
    WOTT_PROXY_IDENTITY: 'rfc9440',
    WOTT_PROXY_CA_FILE: caFile,
    WOTT_PROXY_NAME: 'proxy.example',
  }
  const { pid, httpsPort } = stack.use(await startServer('gateway', ground, { env }))
  const { certificate } = ground.sensor
  const doors = [
    { httpsPort, sensorDirectory: ground.sensor.directory, headers: {} },
    { httpsPort: port, sensorDirectory: proxy.directory, headers: passedOn({ certificate }) },
  ]
  const rows: string[][] = []
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    await using workers = new AsyncDisposableStack()
    const loads: [Worker<HttpJob, HttpMeasured>, HttpMeasured[]][] = []
    for (const { headers, ...target } of doors) {
      const url = new URL('./support/http-load.ts', import.meta.url)
      const worker = workers.use(startWorker<HttpJob, HttpMeasured>(url))
      const job = { target: { pid, ...target }, scenario: { ...scenario, headers } }
      await worker.ask({ kind: 'open', ...job })
      // warms up the JIT; not counted
      await worker.ask({ kind: 'run', seconds: 0.6 })
      loads.push([worker, []])
    }
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [worker, results] of rotated(loads, round))
        results.push(await worker.ask({ kind: 'run', seconds: Number(values.seconds) }))
    rows.push(
      row(name, ...(loads.map(([, results]) => results) as [HttpMeasured[], HttpMeasured[]])),
    )
  }
  print('Publishes per second, and microseconds of CPU per publish; the ratio compares the CPU')
  printTable([['', 'device', 'proxy', 'device µs', 'proxy µs', ''], ...rows])
}

function row(name: string, direct: HttpMeasured[], proxied: HttpMeasured[]): string[] {
  const of = (results: HttpMeasured[], what: 'rate' | 'cost') =>
    results.map((result) => result[what])
  const shown = (results: HttpMeasured[], what: 'rate' | 'cost') =>
    median(of(results, what)).toFixed(0)
  const compared = ratios(of(proxied, 'cost'), of(direct, 'cost'))
  report({
    what: `POST through a proxy, ${name}`,
    measured: `${shown(proxied, 'cost')} µs`,
    peer: `direct POST of the device ${shown(direct, 'cost')} µs`,
    ratio: `${withSpread(compared)} x`,
  })
  return [
    name,
    ...[shown(direct, 'rate'), shown(proxied, 'rate')],
    ...[shown(direct, 'cost'), shown(proxied, 'cost')],
    `${withSpread(compared)}x`,
  ]
}

if (values.help) print(HELP)
else await compare()
