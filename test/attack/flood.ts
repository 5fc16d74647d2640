import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import mqttPacket, { type IConnectPacket } from 'mqtt-packet'

/** What an attack needs to know about the gateway. */
export interface Target {
  readonly ports: { readonly device: number; readonly mqtt: number; readonly viewer: number }
  /** Folder of the attacker's certificate; attackers without a certificate use only its `ca.crt`. */
  readonly directory: string
  /** Its WoTT ID. It may publish and read `dev/ID/#`, and read `public/#`. */
  readonly id: string
}

export interface Attack {
  /** One sentence for `--help`. */
  readonly about: string
  /** Floods until the process is killed. */
  start(target: Target): void
}

/** All of 127.0.0.0/8 is this machine, so the honest device can have another address than the attackers. */
export const ATTACKERS_ADDRESS = '127.0.0.2'
/** A pause after a refusal, so that the attacker does not spin. */
const RETRY_MS = 20

const contexts = new Map<string, SecureContext>()

function contextFor({ directory }: Target, isKnown: boolean): SecureContext {
  const key = `${directory}\0${isKnown}`
  const read = (name: string) => readFileSync(join(directory, name))
  const own = () => ({ cert: read('client.crt'), key: read('client.key') })
  const context =
    contexts.get(key) ?? createSecureContext({ ca: read('ca.crt'), ...(isKnown ? own() : {}) })
  contexts.set(key, context)
  return context
}

export interface OpenOptions {
  readonly door?: keyof Target['ports']
  /** Connects without a certificate. */
  readonly isStranger?: boolean
  readonly protocol?: string
}

/** Opens a TLS connection of the attacker; rejects if it is refused. */
export async function open(target: Target, options: OpenOptions = {}): Promise<TLSSocket> {
  const { door = 'device', isStranger = false, protocol } = options
  const to: TcpNetConnectOpts = {
    host: '127.0.0.1',
    port: target.ports[door],
    localAddress: ATTACKERS_ADDRESS,
  }
  const socket = connect({
    ...to,
    servername: 'localhost',
    secureContext: contextFor(target, !isStranger),
    ...(protocol ? { ALPNProtocols: [protocol] } : {}),
  })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  // ignores later resets, which an attacker expects
  socket.on('error', () => {})
  return socket
}

/** Opens an MQTT connection, and resolves after CONNACK. Later bytes are read and discarded. */
export async function openMqtt(
  target: Target,
  more: Partial<IConnectPacket> & { readonly clientId: string },
): Promise<TLSSocket> {
  const socket = await open(target, { door: 'mqtt' })
  const connect: IConnectPacket = {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 5,
    clean: true,
    keepalive: 0,
    ...more,
  }
  socket.write(mqttPacket.generate(connect))
  const [connack] = (await once(socket, 'data')) as [Buffer]
  if (connack[3] !== 0) throw new Error(`CONNACK ${connack[3]}`)
  socket.resume()
  return socket
}

/** Writes the bytes of `next` as fast as the gateway reads them; resolves when the connection has ended. */
export async function pour(socket: TLSSocket, next: () => Buffer): Promise<void> {
  const ended = ending(socket)
  while (!socket.destroyed) if (!socket.write(next())) await Promise.race([taken(socket), ended])
}

function taken(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve))
}

/** Resolves once the connection has ended; never rejects. */
export function ending(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** Runs `work` again and again, several times in parallel, also after failures. */
export function inLanes(count: number, work: (lane: number) => Promise<unknown>): void {
  for (let lane = 0; lane < count; lane++) void forever(() => work(lane))
}

async function forever(work: () => Promise<unknown>): Promise<never> {
  for (;;) {
    const started = performance.now()
    await work().catch(() => {})
    const spent = performance.now() - started
    if (spent < 1) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** Repeats `bytes` in one buffer. */
export function copies(bytes: Buffer, count: number): Buffer {
  return Buffer.concat(Array<Buffer>(count).fill(bytes))
}

/** Sends `request` again and again on one HTTP/1.1 connection, each after the previous answer. */
export async function post(target: Target, request: Buffer): Promise<void> {
  const socket = await open(target, { protocol: 'http/1.1' })
  let tail = ''
  socket.on('data', (chunk: Buffer) => {
    // an answer of the gateway is JSON and ends with a brace
    tail = chunk.toString('latin1', Math.max(0, chunk.length - 2)).trimEnd()
    if (tail.endsWith('}')) socket.write(request)
  })
  socket.write(request)
  await ending(socket)
}
