import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { isListening } from '../../test/support/listening.ts'
import { end, SERVER_CORE, spawnOn } from './child.ts'
import type { Ground } from './ground.ts'

export type ServerName = 'mosquitto' | 'aedes' | 'aedes+acl' | 'gateway'

/** A server under test, in a separate process. */
export interface Server extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** MQTT over TLS; 0 when it has none. */
  readonly port: number
  /** Publishing over HTTPS; 0 when it has none. */
  readonly httpsPort: number
  /** Asks its probe; only possible if it was started with one. */
  ask<T>(question: string): Promise<T>
  /** HTTPS for people; 0 when it has none. */
  readonly viewerPort: number
  /** Metrics over HTTP; 0 when it has none. */
  readonly opsPort: number
}

export interface StartOptions {
  /** Where a CPU profile is written when the server ends. */
  readonly profile?: string | undefined
  /** Passed to the gateway: `WOTT_…`. */
  readonly env?: Record<string, string>
  /** A module that it loads first and that answers questions of the parent. */
  readonly probe?: URL
  /** Whether warnings of the gateway are hidden. */
  readonly isQuiet?: boolean
}

/** Settings of a gateway for tens of thousands of clients of one device. */
export const MANY = {
  WOTT_MAX_STREAMS: '100000',
  WOTT_MAX_STREAMS_PER_READER: '100000',
  WOTT_MAX_CONNECTIONS: '15000',
  WOTT_MAX_CONNECTIONS_PER_DEVICE: '15000',
  WOTT_MEMORY_BYTES: '4GiB',
  WOTT_MEMORY_BYTES_PER_DEVICE: '4GiB',
} as const

/** What the image sets for the memory of its processes. */
const IMAGE = {
  LD_PRELOAD: 'libjemalloc.so.2',
  MALLOC_CONF: 'background_thread:true,dirty_decay_ms:1000',
  NODE_OPTIONS: '--v8-pool-size=1',
} as const

export function startServer(
  name: ServerName,
  ground: Ground,
  options: StartOptions = {},
): Promise<Server> {
  switch (name) {
    case 'mosquitto':
      return startMosquitto(ground)
    case 'aedes':
      return startModule(name, 'aedes-server.ts', [ground.directory], options)
    case 'aedes+acl':
      return startModule(name, 'aedes-server.ts', [ground.directory, ground.aclFile], options)
    case 'gateway':
      return startGateway(ground, options)
  }
}

/** A bare Fastify server with the gateway's answer to a publish, after it is written to `file` and synced if there is one. */
export function startBareHttp(
  ground: Ground,
  { file, ...options }: StartOptions & { readonly file?: string } = {},
): Promise<Server> {
  const args = [ground.directory, ...(file === undefined ? [] : [file])]
  return startModule('bare-http', 'bare-http.ts', args, options)
}

/** `node:https` or `node:http2` alone, with an answer of the same length. */
export function startBareHttps(
  ground: Ground,
  { version = 1, ...options }: StartOptions & { readonly version?: 1 | 2 } = {},
): Promise<Server> {
  return startModule('bare-https', 'bare-https.ts', [ground.directory, `${version}`], options)
}

/** Only Node.js with event streams. */
export function startBareStreams(ground: Ground, options: StartOptions = {}): Promise<Server> {
  return startModule('bare', 'bare-streams.ts', [ground.directory], options)
}

/** `node:tls` alone, with idle MQTT clients. */
export function startBareTls(ground: Ground, options: StartOptions = {}): Promise<Server> {
  return startModule('node:tls', 'bare-tls.ts', [ground.directory], options)
}

async function startMosquitto({ directory, server, aclFile, crlFile }: Ground): Promise<Server> {
  const port = await freePort()
  const file = join(directory, 'mosquitto.conf')
  const lines = [
    `listener ${port} 127.0.0.1`,
    `cafile ${server.caFile}`,
    `certfile ${server.certFile}`,
    `keyfile ${server.keyFile}`,
    `crlfile ${crlFile}`,
    'require_certificate true',
    'use_identity_as_username true',
    `acl_file ${aclFile}`,
    // with default limits it would drop messages, because the load generator has more in flight
    'max_inflight_messages 0',
    'max_queued_messages 0',
    'set_tcp_nodelay true',
    'persistence false',
    'sys_interval 0',
    'log_type none',
    // otherwise it switches to another user, who cannot read the directory
    'user root',
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawnOn('/usr/sbin/mosquitto', ['-c', file], {
    core: SERVER_CORE,
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`)
    await setTimeout(20)
  }
  return {
    name: 'mosquitto',
    pid: child.pid as number,
    port,
    httpsPort: 0,
    viewerPort: 0,
    opsPort: 0,
    ask: () => Promise.reject(new Error('Mosquitto has no probe')),
    [Symbol.asyncDispose]: () => end(child),
  }
}

export function startGateway(
  ground: Pick<Ground, 'server' | 'crlFile' | 'aclFile'>,
  options: StartOptions = {},
): Promise<Server> {
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const anyPort = '127.0.0.1:0'
  const env = {
    // all clients have the same address and connect at the same time
    WOTT_HANDSHAKE_RATE_PER_ADDRESS: '0',
    WOTT_HANDSHAKE_RATE: '0',
    // a load generator uses its connections to the end
    WOTT_MAX_REQUESTS_PER_CONNECTION: '1000000000',
    WOTT_BROKER: 'memory:',
    WOTT_CERTS_DIR: ground.server.directory,
    WOTT_CRL_FILE: ground.crlFile,
    WOTT_ACL_FILE: ground.aclFile,
    WOTT_DEVICE_LISTEN: anyPort,
    WOTT_MQTT_LISTEN: anyPort,
    WOTT_VIEWER_LISTEN: 'off',
    WOTT_OPS_LISTEN: anyPort,
    WOTT_PUBLISH_RATE: '0',
    ...options.env,
  }
  return startNode('gateway', [main, 'serve'], { ...options, env })
}

function startModule(
  name: string,
  module: string,
  args: readonly string[],
  options: StartOptions,
): Promise<Server> {
  return startNode(name, [new URL(module, import.meta.url).pathname, ...args], options)
}

/**
 * Starts a server that logs its addresses as the gateway does: `{"door":"mqtt","address":"HOST:PORT"}`, `device` last. All have
 * the settings of the image for memory.
 */
async function startNode(
  name: string,
  args: readonly string[],
  { profile, env = {}, probe, isQuiet = false }: StartOptions,
): Promise<Server> {
  const profiling = profile ? ['--cpu-prof', '--cpu-prof-dir', join(profile, name)] : []
  const probing = probe ? ['--import', probe.href] : []
  const child = spawnOn(process.execPath, [...profiling, ...probing, ...args], {
    core: SERVER_CORE,
    env: { ...IMAGE, ...env },
    stdio: ['ignore', 'pipe', 'inherit', ...(probe ? (['ipc'] as const) : [])],
  })
  if (!child.stdout) throw new Error('no standard output')
  const ports: Record<string, number> = {}
  const lines = createInterface(child.stdout)
  for await (const line of lines) {
    const { door, address, level, msg } = JSON.parse(line)
    if (address) ports[door] = Number(address.slice(address.lastIndexOf(':') + 1))
    else if (!isQuiet && (level === 'warn' || level === 'error'))
      process.stderr.write(`${name}: ${msg}\n`)
    if (door === 'device') break
  }
  if (!ports.device) throw new Error(`${name} did not start`)
  // keeps reading the log, because a full pipe would block the server
  if (!isQuiet) child.stdout.on('data', (chunk) => complain(name, chunk))
  child.stdout.resume()
  return {
    name,
    pid: child.pid as number,
    port: ports.mqtt ?? 0,
    httpsPort: ports.device,
    viewerPort: ports.viewer ?? 0,
    opsPort: ports.ops ?? 0,
    async ask(question) {
      const answered = once(child, 'message')
      child.send(question)
      const [answer] = await answered
      return answer
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}

function complain(name: string, chunk: Buffer): void {
  for (const line of chunk.toString().split('\n'))
    if (/"level":"(warn|error)"/.test(line)) process.stderr.write(`${name}: ${line}\n`)
}
