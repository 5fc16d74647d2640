import { type ChildProcess, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { run } from './clients.ts'
import { freePort } from './free-port.ts'
import type { Credentials } from './pki.ts'

export const MOSQUITTO = '/usr/sbin/mosquitto'

/** A real Mosquitto on the loopback interface. */
export interface Mosquitto {
  readonly port: number
  /** Reloads with another ACL file. With a bad one, Mosquitto allows everything from then on. */
  use(acl: string): Promise<void>
  /** Stops it; persistent data is in its file. */
  stop(): Promise<void>
  /** As `kill -9`. */
  kill(): Promise<void>
  /** Starts it again on the same port, without its data unless it is persistent. */
  start(): Promise<void>
  /** Resolves once it logs a line with this text. */
  says(text: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface MosquittoOptions {
  readonly port?: number
  readonly acl?: string
  /** Its own certificate, and whether it requires one from clients. */
  readonly tls?: { readonly own: Credentials; readonly clients?: boolean }
  /** Passwords by user name; without any, everybody may connect. */
  readonly users?: Readonly<Record<string, string>>
  /** Whether it stores its data in a file when it is stopped (not when it is killed). */
  readonly persistent?: boolean
  /** Further lines of its configuration. */
  readonly lines?: readonly string[]
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  await access(MOSQUITTO).catch(() => {
    throw new Error(`${MOSQUITTO} is needed for this test: apt-get install mosquitto`)
  })
  const directory = await mkdtemp(join(tmpdir(), 'wott-mosquitto-'))
  const aclFile = join(directory, 'acl')
  const confFile = join(directory, 'mosquitto.conf')
  const port = options.port ?? (await freePort())
  await writeFile(aclFile, options.acl ?? 'topic readwrite #\n')
  await writeFile(confFile, (await linesOf(options, directory, port, aclFile)).join('\n'))
  let running = await begin(confFile)

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    running.child.kill(signal)
    await running.gone
  }

  return {
    port,
    async use(changed) {
      await writeFile(aclFile, changed)
      const reloading = says(running.log, 'Reloading config')
      running.child.kill('SIGHUP')
      // otherwise it may sleep for another 100 ms
      const knock = connect(port, '127.0.0.1').on('connect', () => knock.destroy())
      // it reloads the file before it reads from a socket again
      await reloading
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async start() {
      running = await begin(confFile)
    },
    says: (text) => says(running.log, text),
    async [Symbol.asyncDispose]() {
      // it ignores a SIGTERM before its loop has begun
      await end('SIGKILL')
      await rm(directory, { recursive: true })
    },
  }
}

async function linesOf(
  { tls, users, persistent, lines = [] }: MosquittoOptions,
  directory: string,
  port: number,
  aclFile: string,
): Promise<string[]> {
  return [
    `listener ${port} 127.0.0.1`,
    `acl_file ${aclFile}`,
    // otherwise it switches to another user, who cannot read the directory
    'user root',
    'log_dest stderr',
    'log_type information',
    'log_type notice',
    'sys_interval 0',
    'set_tcp_nodelay true',
    ...(users
      ? ['allow_anonymous false', `password_file ${await passwordFile(directory, users)}`]
      : ['allow_anonymous true']),
    ...(tls
      ? [
          `cafile ${tls.own.caFile}`,
          `certfile ${tls.own.certFile}`,
          `keyfile ${tls.own.keyFile}`,
          ...(tls.clients ? ['require_certificate true'] : []),
        ]
      : []),
    ...(persistent ? ['persistence true', `persistence_location ${directory}/`] : []),
    ...lines,
  ]
}

async function passwordFile(
  directory: string,
  users: Readonly<Record<string, string>>,
): Promise<string> {
  const file = join(directory, 'passwords')
  await writeFile(file, '')
  for (const [name, password] of Object.entries(users)) {
    const { code, stderr } = await run('mosquitto_passwd', ['-b', file, name, password])
    if (code !== 0) throw new Error(stderr)
  }
  return file
}

interface Running {
  readonly child: ChildProcess
  readonly log: Interface
  readonly gone: Promise<unknown>
}

async function begin(confFile: string): Promise<Running> {
  const child = spawn(MOSQUITTO, ['-c', confFile], { stdio: ['ignore', 'ignore', 'pipe'] })
  const log = createInterface(child.stderr)
  const gone = once(child, 'exit')
  await says(log, 'running')
  return { child, log, gone }
}

async function says(log: Interface, text: string): Promise<void> {
  for await (const [line] of on(log, 'line', { close: ['close'] })) if (line.includes(text)) return
  throw new Error(`mosquitto ended before it said "${text}"`)
}

/** A port of the loopback interface that nobody has. */
