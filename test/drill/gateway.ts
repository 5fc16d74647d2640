import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PROGRAM } from '../cli/program.ts'
import { freePort } from '../support/free-port.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'

/** The lifetime of one gateway process, in milliseconds since the Unix epoch; `end` is Infinity until it is killed. */
export interface Life {
  readonly start: number
  readonly end: number
}

/** `wott-gateway serve` in a process that can be killed. */
export interface KillableProcess {
  readonly lives: readonly Life[]
  /** Kills it; resolves when the process has ended. */
  kill(): Promise<void>
  /** Stops it as an operator does; resolves when the process has ended. */
  stop(): Promise<void>
  /** Starts it, for the first time or again; resolves once its doors are open. */
  restart(): Promise<void>
}

/** A gateway with a `file:` store. */
export interface KillableGateway extends KillableProcess, AsyncDisposable {
  readonly pki: Pki
  readonly device: Credentials
  readonly ports: { readonly https: number; readonly mqtts: number }
}

/** `more` has settings by the names of their variables. */
export async function startKillable(more: Record<string, string> = {}): Promise<KillableGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-drill-'))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1']
  const own = await pki.issue('gateway.d.wott.local', { names })
  const device = await pki.issue('device.d.wott.local')
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, 'pattern readwrite #\n')
  const ports = { https: await freePort(), mqtts: await freePort() }
  const settings = {
    WOTT_CERTS_DIR: own.directory,
    WOTT_ACL_FILE: aclFile,
    WOTT_BROKER: `file:${directory}/data`,
    WOTT_DEVICE_LISTEN: `127.0.0.1:${ports.https}`,
    WOTT_MQTT_LISTEN: `127.0.0.1:${ports.mqtts}`,
    WOTT_VIEWER_LISTEN: 'off',
    WOTT_OPS_LISTEN: 'off',
    WOTT_PUBLISH_RATE: '0',
    WOTT_SESSION_QUEUE: '1000000',
    WOTT_SESSION_QUEUE_BYTES: '1GiB',
    WOTT_LOG_LEVEL: 'info',
    ...more,
  }
  const gateway = createProcess(settings)
  await gateway.restart()
  return {
    ...gateway,
    pki,
    device,
    ports,
    async [Symbol.asyncDispose]() {
      await gateway.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A process that is not started yet. It counts as started when it has logged each of these texts. */
export function createProcess(
  settings: Record<string, string>,
  says: readonly string[] = ['"door":"device"'],
): KillableProcess {
  const lives: { start: number; end: number }[] = []
  let child: ChildProcess | undefined

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const life = lives.at(-1)
    if (life) life.end = Date.now()
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  return {
    lives,
    async restart() {
      child = await start(settings, says)
      lives.push({ start: Date.now(), end: Number.POSITIVE_INFINITY })
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

const { PATH, NODE_COMPILE_CACHE } = process.env

async function start(
  settings: Record<string, string>,
  says: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: { PATH, NODE_COMPILE_CACHE, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const unsaid = new Set(says)
  for await (const line of createInterface(child.stdout)) {
    for (const text of unsaid) if (line.includes(text)) unsaid.delete(text)
    if (unsaid.size === 0) break
  }
  if (unsaid.size > 0) throw new Error(`the gateway ended before it logged ${[...unsaid]}`)
  child.stdout.resume()
  return child
}
