// Measures the time from spawning `serve` to its first 200 on a publish, from a checkout and packed: node bench/cold-start.ts [RUNS]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { initDirectory } from '../src/ca/init.ts'
import { deviceFiles } from '../src/ca/layout.ts'
import { freePort } from '../test/support/free-port.ts'
import { isListening } from '../test/support/listening.ts'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { installPacked } from './support/pack.ts'

const ROOT = resolve(import.meta.dirname, '..')
const POLL_MS = 2
const runs = Number(process.argv[2] ?? 10)
const print = (line: string) => process.stdout.write(`${line}\n`)

const folder = await mkdtemp(join(tmpdir(), 'wott-cold-'))
const { layout } = await initDirectory(folder)
const sensor = deviceFiles(layout, 'sensor')
const [ca, cert, key] = await Promise.all(
  [sensor.ca, sensor.certificate, sensor.key].map((file) => readFile(file)),
)

/** Resolves with the status. */
function publish(port: number): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const agent = new Agent({ ca, cert, key } as { ca: Buffer; cert: Buffer; key: Buffer })
  request({ agent, host: 'localhost', port, path: '/topics/wott/temperature', method: 'POST' })
    .on('response', (response) => {
      response.resume()
      response.once('end', () => agent.destroy())
      resolve(response.statusCode)
    })
    .on('error', reject)
    .end('21.5')
  return promise
}

interface Start {
  readonly wall: number
  /** CPU time of the gateway, which does not include other programs; Linux only. */
  readonly cpu: number
}

interface Form {
  readonly name: string
  readonly program: string
  readonly env: Readonly<Record<string, string>>
}

async function coldStart({ program, env }: Form): Promise<Start> {
  const port = await freePort()
  const settings = ['--device-listen', `127.0.0.1:${port}`]
  for (const door of ['mqtt', 'viewer', 'ops']) settings.push(`--${door}-listen`, '127.0.0.1:0')
  settings.push('--certs-dir', layout.certs.directory, '--crl-file', layout.authority.crl)
  const started = performance.now()
  const gateway = spawn(
    process.execPath,
    [program, 'serve', ...settings, '--acl-file', layout.acl],
    { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const exited = once(gateway, 'exit')
  try {
    // a TLS client for each try would take CPU time from the gateway
    while (!(await isListening(port))) {
      if (gateway.exitCode !== null) throw new Error(`serve ended with ${gateway.exitCode}`)
      await setTimeout(POLL_MS)
    }
    const status = await publish(port)
    if (status !== 200) throw new Error(`the gateway answered ${status}`)
    return { wall: performance.now() - started, cpu: await cpuOf(gateway.pid) }
  } finally {
    gateway.kill()
    await exited
  }
}

/** proc(5): utime and stime, in ticks of 10 ms. */
async function cpuOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1)
  return (middle.reduce((sum, value) => sum + value, 0) / middle.length).toFixed(0)
}

try {
  const source = join(ROOT, 'bin/wott-gateway.js')
  const packed = join(await installPacked(folder), 'bin/wott-gateway.js')
  const cache = { NODE_COMPILE_CACHE: join(folder, 'cache') }
  const forms: Form[] = [
    { name: 'checkout (types are stripped)', program: source, env: cache },
    { name: 'packed', program: packed, env: cache },
    // the first start of a new container has no compile cache
    { name: 'packed, first start', program: packed, env: { NODE_DISABLE_COMPILE_CACHE: '1' } },
  ]
  const starts = new Map(forms.map((form) => [form, [] as Start[]]))
  for (const form of forms) await coldStart(form) // fills the compile cache
  for (let run = 0; run < runs; run++)
    for (const form of forms) starts.get(form)?.push(await coldStart(form))
  for (const [{ name }, of] of starts) {
    const walls = of.map(({ wall }) => wall)
    const cpu = median(of.map((start) => start.cpu))
    print(`${name}: median of ${runs} starts ${median(walls)} ms (${cpu} ms of CPU)`)
    report({
      what: `cold start, ${name}`,
      measured: `${median(walls)} ms (${Math.min(...walls).toFixed(0)} to ${Math.max(...walls).toFixed(0)})`,
      goals: [[GOALS.coldStart, Number(median(walls))]],
    })
    print(`  all: ${walls.map((wall) => wall.toFixed(0)).join(' ')}`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
