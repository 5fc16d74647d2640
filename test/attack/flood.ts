import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import mqttPacket, { type IConnectPacket } from 'mqtt-packet'

/** What an attack is told of the gateway. */
export interface Target {
  readonly ports: { readonly device: number; readonly mqtt: number; readonly viewer: number }
  /** Folder of the attacker's own certificate; strangers use only its `ca.crt`. */
  readonly directory: string
  /** Its WoTT ID. It may publish and read `dev/ID/#`, and read what is public. */
  readonly id: string
}

export interface Attack {
  /** One sentence for `--help`. */
  readonly about: string
  /** Floods until the process is killed. */
  start(target: Target): void
}

/** All of 127.0.0.0/8 is this machine: the honest device has another address, as it has anywhere. */
export const ATTACKERS_ADDRESS = '127.0.0.2'
/** So that an attacker that is refused does not only spin. */
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
  /** Shows no certificate. */
  readonly isStranger?: boolean
  readonly protocol?: string
}

/** A TLS connection of the attacker; rejects when it is refused. */
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
  // a reset at any later time is what an attacker expects
  socket.on('error', () => {})
  return socket
}

/** An MQTT connection that has its CONNACK. What comes after that is read and thrown away. */
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

/** Writes what `next` says as fast as the gateway takes it; resolves once the connection has ended. */
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

/** Does `work` in so many lanes, each again and again, whatever becomes of it. */
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

/** So many copies of `bytes` in one. */
export function copies(bytes: Buffer, count: number): Buffer {
  return Buffer.concat(Array<Buffer>(count).fill(bytes))
}

/** Sends `request` on one HTTP/1.1 connection, each after the answer to the one before. */
export async function post(target: Target, request: Buffer): Promise<void> {
  const socket = await open(target, { protocol: 'http/1.1' })
  let tail = ''
  socket.on('data', (chunk: Buffer) => {
    // an answer of the gateway ends with the brace of its JSON
    tail = chunk.toString('latin1', Math.max(0, chunk.length - 2)).trimEnd()
    if (tail.endsWith('}')) socket.write(request)
  })
  socket.write(request)
  await ending(socket)
}
