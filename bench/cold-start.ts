// Measures the time from spawning `serve` to its first 200 on a publish, from a checkout and packed: node bench/cold-start.ts [RUNS]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../test/support/free-port.ts'
import { isListening } from '../test/support/listening.ts'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import { bundled, installPacked } from './support/pack.ts'

const ROOT = resolve(import.meta.dirname, '..')
const POLL_MS = 2
/** `serve` keeps what V8 has compiled one second after its start. */
const KEEPS_CODE_MS = 2000
const runs = Number(process.argv[2] ?? 10)
const print = (line: string) => process.stdout.write(`${line}\n`)

const folder = await mkdtemp(join(tmpdir(), 'wott-cold-'))
const ground = await createGround()
const { ca, certificate: cert, key } = ground.sensor

/** Resolves with the status. */
function publish(port: number): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const agent = new Agent({ ca, cert, key })
  request({ agent, host: 'localhost', port, path: '/topics/bench/t', method: 'POST' })
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
  readonly args: (port: number) => readonly string[]
  readonly env: Readonly<Record<string, string>>
}

function settings(port: number): readonly string[] {
  const doors = ['mqtt', 'viewer', 'ops'].flatMap((door) => [`--${door}-listen`, '127.0.0.1:0'])
  return [
    ...['serve', '--device-listen', `127.0.0.1:${port}`, ...doors],
    ...['--certs-dir', ground.server.directory],
    ...['--crl-file', ground.crlFile, '--acl-file', ground.aclFile],
  ]
}

/** `stayMs`: how long the gateway runs after its first answer. */
async function coldStart({ program, args, env }: Form, stayMs = 0): Promise<Start> {
  const port = await freePort()
  const started = performance.now()
  const gateway = spawn(process.execPath, [program, ...args(port)], {
    cwd: folder,
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(gateway, 'exit')
  try {
    // a TLS client for each try would take CPU time from the gateway
    while (!(await isListening(port))) {
      if (gateway.exitCode !== null) throw new Error(`${program} ended with ${gateway.exitCode}`)
      await setTimeout(POLL_MS)
    }
    const status = await publish(port)
    if (status !== 200) throw new Error(`the gateway answered ${status}`)
    const start = { wall: performance.now() - started, cpu: await cpuOf(gateway.pid) }
    await setTimeout(stayMs)
    return start
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
  const bare: Form = {
    name: 'a bare Fastify in one file',
    program: await bundled(folder, 'bare-http.ts'),
    args: () => [ground.directory],
    env: {},
  }
  const ours = { program: packed, args: settings }
  const forms: Form[] = [
    { name: 'checkout (types are stripped)', program: source, args: settings, env: cache },
    { name: 'packed', ...ours, env: cache },
    // the first start of a new container has no compile cache
    { name: 'packed, first start', ...ours, env: { NODE_DISABLE_COMPILE_CACHE: '1' } },
    bare,
  ]
  const starts = new Map(forms.map((form) => [form, [] as Start[]]))
  for (const form of forms) await coldStart(form, KEEPS_CODE_MS) // fills the caches
  for (let run = 0; run < runs; run++)
    for (const form of forms) starts.get(form)?.push(await coldStart(form))
  const wallsOf = (form: Form) => (starts.get(form) ?? []).map(({ wall }) => wall)
  for (const [form, of] of starts) {
    const { name, program } = form
    const walls = wallsOf(form)
    const cpu = median(of.map((start) => start.cpu))
    print(`${name}: median of ${runs} starts ${median(walls)} ms (${cpu} ms of CPU)`)
    if (form !== bare)
      report({
        what: `cold start, ${name}`,
        measured: `${median(walls)} ms (${Math.min(...walls).toFixed(0)} to ${Math.max(...walls).toFixed(0)})`,
        floor: `Fastify in one file ${median(wallsOf(bare))} ms`,
        goals: program === packed ? [[GOALS.coldStart, Number(median(walls))]] : [],
      })
    print(`  all: ${walls.map((wall) => wall.toFixed(0)).join(' ')}`)
  }
} finally {
  await ground[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
}
