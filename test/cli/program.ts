import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Door } from '../../src/door-table.ts'
import { freePort } from '../support/free-port.ts'

/** `npm test` sets it to the built program; without it, the sources are started. */
export const PROGRAM =
  process.env.WOTT_TESTED_PROGRAM ?? resolve(import.meta.dirname, '../../bin/wott-gateway.js')
const OF_GATEWAY = ['device', 'mqtt', 'viewer', 'ops'] as const
const OF_ENROLLER = ['enrol', 'enrol-ops'] as const
const anyPort = (door: Door) => [`--${door}-listen`, '127.0.0.1:0']
const ENROLLER = OF_ENROLLER.flatMap(anyPort)
export const FREE_PORTS = [...OF_GATEWAY.flatMap(anyPort), ...ENROLLER]

/** A user without any rights, for `Options.uid`. */
export const NOBODY = 65_534
/** For tests with a second user: only root can run a program as another one. */
export const ROOT_ONLY = { skip: process.getuid?.() !== 0 && 'not root' }

export interface Options {
  readonly cwd?: string
  /** Added to an environment without WOTT_ variables. */
  readonly env?: Readonly<Record<string, string>>
  /** Standard input; null leaves it open for the test to write to. */
  readonly input?: string | Buffer | null
  /** The user that runs the program; only root can choose one. */
  readonly uid?: number
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Program extends AsyncDisposable {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** All lines of both outputs so far. */
  readonly lines: readonly string[]
  /** Resolves with the first line from that index on that `matches`, once there is one; rejects when the program ends first. */
  line(matches: RegExp, from?: number): Promise<string>
}

// a test that times out leaves its programs behind
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) killAll(child)
})

/** Kills a process and those that it started, as npx does. */
function killAll({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {} // it has ended meanwhile
}

/** A program trusts only the CAs that its flags name; Node takes a while to read those of a machine. */
const NO_OTHER_CAS = { NODE_EXTRA_CA_CERTS: '' }

/** `wott-gateway ARGS`. */
export function start(args: readonly string[], options: Options = {}): Program {
  const env = { ...NO_OTHER_CAS, ...options.env }
  return startAny(process.execPath, [PROGRAM, ...args], { ...options, env })
}

export function startAny(
  program: string,
  args: readonly string[],
  { cwd, env = {}, input, uid }: Options = {},
): Program {
  const child = spawn(program, args, {
    cwd,
    env: { ...withoutSettings(process.env), ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  } as SpawnOptions)
  running.add(child)
  child.once('exit', () => running.delete(child))
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('no pipes')
  child.stdin?.on('error', () => {})
  if (input !== null) child.stdin?.end(input)
  const lines: string[] = []
  const watchers = new Set<() => void>()
  const [out, err] = [stdout, stderr].map((stream) => {
    const chunks: Buffer[] = []
    stream.on('data', (bytes: Buffer) => chunks.push(bytes))
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      for (const look of watchers) look()
    })
    return chunks
  }) as [Buffer[], Buffer[]]
  const ended = once(child, 'close').then(
    ([code, signal]): Ended => ({
      code,
      signal,
      stdout: Buffer.concat(out),
      stderr: String(Buffer.concat(err)),
    }),
  )
  return {
    process: child,
    ended,
    lines,
    line: (matches, from = 0) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.slice(from).find((line) => matches.test(line))
          if (found === undefined) return
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        look()
        void ended.then(() => reject(new Error(`ended without ${matches}:\n${lines.join('\n')}`)))
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) killAll(child)
      await ended
    },
  }
}

/** Runs `wott-gateway ARGS` to its end. */
export async function run(args: readonly string[], options: Options = {}): Promise<RanText> {
  const { code, stdout, stderr } = await start(args, options).ended
  return { code, stdout: stdout.toString(), stderr }
}

/** The module with the command lines of the tested program, chosen as the program does. */
const SOURCE = resolve(PROGRAM, '../../src/cli/main.ts')
const MAIN = existsSync(SOURCE) ? SOURCE : resolve(PROGRAM, '../../dist/main.js')
const EACH = `
  process.stdout.setMaxListeners(0)
  process.stderr.setMaxListeners(0)
  const { main } = await import(process.argv[1])
  const results = []
  const { write } = process.stdout
  for (const args of JSON.parse(process.argv[2])) {
    const result = { code: 0, stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'])
      process[name].write = (text) => {
        result[name] += text
        return true
      }
    await main(args)
    results.push({ ...result, code: process.exitCode })
  }
  process.exitCode = 0
  write.call(process.stdout, JSON.stringify(results))
`

/**
 * Runs several lines of `wott-gateway ARGS` one after the other in one process, for results that are the same as of programs of their
 * own: starting a program takes longer than most commands.
 */
export async function runEach(
  lines: readonly (readonly string[])[],
  options: Options = {},
): Promise<RanText[]> {
  const program = [...['--input-type=module', '--eval', EACH], MAIN, JSON.stringify(lines)]
  const env = { ...NO_OTHER_CAS, ...options.env }
  const { code, stdout, stderr } = await startAny(process.execPath, program, { ...options, env })
    .ended
  if (code !== 0 || stderr !== '') throw new Error(`exit code ${code}: ${stderr}`)
  return JSON.parse(String(stdout))
}

export interface RanText {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type GatewayDoor = (typeof OF_GATEWAY)[number]

export interface Running extends Program {
  readonly ports: Readonly<Record<GatewayDoor, number>>
}

/** Starts a gateway; resolves once every door listens. */
export function startGateway(args: readonly string[], options: Options = {}): Promise<Running> {
  return listening(start(args, options))
}

/** Resolves once every door of a gateway listens. */
export async function listening(program: Program): Promise<Running> {
  const port = async (door: Door) => {
    const line = await program.line(new RegExp(`"door":"${door}".*"listening"`))
    return Number(/:(\d+)"/.exec(line)?.[1])
  }
  try {
    const [device, mqtt, viewer, ops] = await Promise.all([
      port('device'),
      port('mqtt'),
      port('viewer'),
      port('ops'),
    ])
    return Object.assign(program, { ports: { device, mqtt, viewer, ops } })
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  }
}

/** The flags of a gateway that will start again on the `samePorts`, which no other program gets meanwhile. */
export async function lastingPorts(enroller: readonly string[] = ENROLLER): Promise<string[]> {
  const chosen = OF_GATEWAY.map(async (door) => [
    `--${door}-listen`,
    `127.0.0.1:${await freePort()}`,
  ])
  return [...(await Promise.all(chosen)).flat(), ...enroller]
}

/** The flags of a gateway on the same ports as an earlier one. */
export function samePorts({ ports }: Running, enroller: readonly string[] = ENROLLER): string[] {
  const same = OF_GATEWAY.flatMap((door) => [`--${door}-listen`, `127.0.0.1:${ports[door]}`])
  return [...same, ...enroller]
}

export interface Folder extends AsyncDisposable {
  readonly path: string
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'wott-cli-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('WOTT_'))
  return Object.fromEntries(kept)
}
