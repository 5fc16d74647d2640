import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** Debian's Python, which has the package `python3-paho-mqtt`. */
const PYTHON = '/usr/bin/python3'

/** Properties by their names in Paho, such as `ContentType`; binary ones in Latin-1. */
export type PahoProperties = Record<string, unknown>

export interface PahoOptions {
  readonly clientId: string
  readonly version?: 4 | 5
  readonly clean?: boolean
  readonly transport?: 'tcp' | 'websockets'
  readonly properties?: PahoProperties
  readonly will?: {
    readonly topic: string
    readonly payload: string
    readonly qos?: 0 | 1 | 2
    readonly retain?: boolean
    readonly properties?: PahoProperties
  }
}

export interface PahoMessage {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly properties: PahoProperties
}

/** A connected client of Paho's Python library. */
export interface Paho extends AsyncDisposable {
  readonly sessionPresent: boolean
  /** The properties of CONNACK. */
  readonly properties: PahoProperties
  /** Sends one SUBSCRIBE of filters with their QoS or Paho options; returns the code of each. */
  subscribe(subscriptions: Record<string, number | object>): Promise<readonly number[]>
  /** Resolves when the message is acknowledged, or sent with QoS 0. */
  publish(
    topic: string,
    payload: string,
    more?: { qos?: 0 | 1 | 2; retain?: boolean; properties?: PahoProperties },
  ): Promise<void>
  /** The next message. */
  next(): Promise<PahoMessage>
  /** Sends DISCONNECT. */
  end(): Promise<void>
  /** Kills the program, as a crash or a power cut would. */
  kill(): Promise<void>
}

/** Connects; rejects if CONNACK refuses. Debian: `apt-get install python3-paho-mqtt`. */
export async function paho(
  at: Pick<TestGateway, 'ports'>,
  who: Credentials,
  { version = 5, clean = true, transport = 'tcp', ...options }: PahoOptions,
): Promise<Paho> {
  const program = spawn(PYTHON, ['-W', 'ignore', join(import.meta.dirname, 'paho-client.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(program, 'exit')
  const events = followEvents(program.stdout)
  const tell = (command: object) => void program.stdin.write(`${JSON.stringify(command)}\n`)
  const files = { ca: who.caFile, cert: who.certFile, key: who.keyFile }
  const port = transport === 'tcp' ? at.ports.mqtt : at.ports.device
  tell({ do: 'connect', port, version, clean, transport, ...files, ...options })
  const { code, sessionPresent, properties } = await events.next('connect')
  if (code !== 0) throw new Error(`refused with ${code}`)

  async function stop(): Promise<void> {
    program.stdin.end()
    await ended
  }

  return {
    sessionPresent,
    properties,
    async subscribe(subscriptions) {
      tell({ do: 'subscribe', subscriptions: Object.entries(subscriptions) })
      return (await events.next('subscribe')).codes
    },
    async publish(topic, payload, { qos = 0, retain = false, properties } = {}) {
      tell({ do: 'publish', topic, payload, qos, retain, properties })
      await events.next('publish')
    },
    next: () => events.next('message'),
    async end() {
      tell({ do: 'disconnect' })
      await stop()
    },
    async kill() {
      program.kill('SIGKILL')
      await ended
    },
    async [Symbol.asyncDispose]() {
      program.kill('SIGKILL')
      await ended
    },
  }
}

/** The events of each kind, in order. */
function followEvents(output: NodeJS.ReadableStream) {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the program tells is then asserted
  type Told = any
  const told = new Map<string, Told[]>()
  const wanted = new Map<string, PromiseWithResolvers<Told>[]>()
  const of = <T>(map: Map<string, T[]>, kind: string) => {
    const known = map.get(kind) ?? []
    map.set(kind, known)
    return known
  }
  const lines = createInterface(output)
  lines.on('line', (line) => {
    const { event: kind, ...event } = JSON.parse(line)
    const want = of(wanted, kind).shift()
    if (want) want.resolve(event)
    else of(told, kind).push(event)
  })
  lines.on('close', () => {
    for (const want of [...wanted.values()].flat()) want.reject(new Error('the program has ended'))
  })
  return {
    async next(kind: string): Promise<Told> {
      const event = of(told, kind).shift()
      if (event) return event
      const want = Promise.withResolvers<Told>()
      of(wanted, kind).push(want)
      return want.promise
    },
  }
}
