import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { type RequestOptions, request } from 'node:https'
import { createInterface } from 'node:readline'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
  readonly text: string
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the gateway answered is then asserted
  readonly json: any
}

/** The parts of a gateway that a client needs. */
export type Reachable = Pick<TestGateway, 'pki' | 'ports'>

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. A program that is missing fails the test. */
export async function run(
  program: string,
  args: readonly string[],
  input?: string | Buffer,
): Promise<Ran> {
  const child = spawn(program, args, { stdio: 'pipe' })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk) => out.push(chunk))
  child.stderr.on('data', (chunk) => err.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
}

/** Runs curl with a device's certificate. */
export function curl(
  who: Pick<Credentials, 'certFile' | 'keyFile'> | null,
  caFile: string,
  ...args: string[]
): Promise<Ran> {
  const own = who ? ['--cert', who.certFile, '--key', who.keyFile] : []
  return run('curl', ['-sS', '--max-time', '20', '--cacert', caFile, ...own, ...args])
}

/** One HTTP/1.1 request on a new connection. */
export async function http1(
  { ports, pki }: Reachable,
  who: Credentials | null,
  options: RequestOptions & { body?: string | Buffer; door?: 'device' | 'viewer' },
): Promise<Answer> {
  const { body, door = 'device', ...rest } = options
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  request(
    {
      host: '127.0.0.1',
      port: ports[door],
      ca: pki.authority.certificate,
      agent: false,
      ...(who ? { cert: who.certificate, key: who.key } : {}),
      ...rest,
    },
    (response) => {
      // rejects if the answer breaks off
      Array.fromAsync<Buffer>(response).then(
        (parts) =>
          resolve(toAnswer(response.statusCode ?? 0, response.headers, Buffer.concat(parts))),
        reject,
      )
    },
  )
    .on('error', reject)
    .end(body)
  return promise
}

export function http2Session(
  { ports, pki }: Reachable,
  who: Credentials | null,
  door: 'device' | 'viewer' = 'device',
): ClientHttp2Session {
  return connect(`https://localhost:${ports[door]}`, {
    ca: pki.authority.certificate,
    ...(who ? { cert: who.certificate, key: who.key } : {}),
  })
}

/** One HTTP/2 request; without a `content-type` or `content-length` unless `headers` say so. */
export async function http2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [received] = await once(stream, 'response')
  const bytes = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>))
  return toAnswer(received[':status'], received, bytes)
}

function toAnswer(status: number, headers: Answer['headers'], body: Buffer): Answer {
  return {
    status,
    headers,
    body,
    get text() {
      return body.toString()
    },
    get json() {
      return JSON.parse(body.toString())
    },
  }
}

export interface Lines extends AsyncDisposable {
  readonly process: ChildProcess
  /** The next line of standard output. */
  next(): Promise<string>
}

/** Starts a program that prints lines until it is disposed of. */
export function follow(program: string, args: readonly string[]): Lines {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    process: child,
    async next() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${program} ended before its next line`)
      return value
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill()
      await once(child, 'exit')
    },
  }
}

export function mosquittoArgs({ ports }: Reachable, who: Credentials): string[] {
  return [
    '--cafile',
    who.caFile,
    '--cert',
    who.certFile,
    '--key',
    who.keyFile,
    '-h',
    'localhost',
    '-p',
    String(ports.mqtt),
  ]
}

/** Starts `mosquitto_sub -v`; resolves after its SUBACK. */
export async function mosquittoSub(
  at: Reachable,
  who: Credentials,
  filter: string,
  ...more: string[]
): Promise<Lines> {
  // -d prints the SUBACK, and stdbuf makes it write to a pipe at once
  const lines = follow('stdbuf', [
    ...['-oL', 'mosquitto_sub', '-d', '-v'],
    ...[...mosquittoArgs(at, who), '-t', filter, ...more],
  ])
  while (!(await lines.next()).startsWith('Subscribed')) {}
  return {
    ...lines,
    async next() {
      for (;;) {
        const line = await lines.next()
        if (!/^(Client|Subscribed) /.test(line)) return line
      }
    },
  }
}

export function mosquittoPub(
  at: Reachable,
  who: Credentials,
  topic: string,
  message: string,
  ...more: string[]
): Promise<Ran> {
  return run('mosquitto_pub', [...mosquittoArgs(at, who), '-t', topic, '-m', message, ...more])
}

/** Connects mqtt.js to the mqtt door. */
export function mqtt(
  at: Reachable,
  who: Credentials,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host: 'localhost',
    port: at.ports.mqtt,
    reconnectPeriod: 0,
    ca: who.ca,
    cert: who.certificate,
    key: who.key,
    ...options,
  })
}

/** Connects mqtt.js over WebSocket to the device door. */
export function mqttOverWebSocket(
  at: Reachable,
  who: Credentials,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connectAsync(`wss://localhost:${at.ports.device}/mqtt`, {
    reconnectPeriod: 0,
    wsOptions: { ca: who.ca, cert: who.certificate, key: who.key },
    ...options,
  })
}

export interface ReceivedMessage {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  readonly qos: number
  readonly dup: boolean
}

/** The messages that an mqtt.js client receives from now on, in order. */
export function messagesOf(client: MqttClient): { next(): Promise<ReceivedMessage> } {
  const arrived: ReceivedMessage[] = []
  const wanted: ((message: ReceivedMessage) => void)[] = []
  client.on('message', (topic, payload, { retain, qos, dup }) => {
    const message = { topic, payload: payload.toString(), retain, qos, dup }
    const want = wanted.shift()
    if (want) want(message)
    else arrived.push(message)
  })
  return {
    async next() {
      return arrived.shift() ?? new Promise((resolve) => wanted.push(resolve))
    },
  }
}

export interface StreamEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: string
}

export interface Events extends Disposable {
  readonly status: number
  readonly headers: Answer['headers']
  next(): Promise<StreamEvent>
  /** Resolves when the server has ended the stream. */
  ended(): Promise<void>
}

/** Follows a stream as `EventSource` does, over HTTP/1.1. Rejects with the answer's text unless it is 200. */
export async function eventSource(
  at: Reachable,
  who: Credentials | null,
  path: string,
  headers: Record<string, string> = {},
  door: 'device' | 'viewer' = 'device',
): Promise<Events> {
  const { pki, ports } = at
  const sent = request({
    host: '127.0.0.1',
    port: ports[door],
    path,
    ca: pki.authority.certificate,
    agent: false,
    ...(who ? { cert: who.certificate, key: who.key } : {}),
    headers: { accept: 'text/event-stream', ...headers },
  }).end()
  const [response] = await once(sent, 'response')
  if (response.statusCode !== 200)
    throw new Error(`${response.statusCode} ${Buffer.concat(await Array.fromAsync(response))}`)
  const frames = framesOf(response)
  return {
    status: response.statusCode,
    headers: response.headers,
    async next() {
      const { value, done } = await frames.next()
      if (done) throw new Error('the stream ended before its next event')
      return value
    },
    async ended() {
      while (!(await frames.next().catch(() => ({ done: true }))).done) {}
    },
    [Symbol.dispose]: () => void sent.destroy(),
  }
}

/** The events of a response, until it ends. */
export async function* framesOf(source: AsyncIterable<Buffer>): AsyncGenerator<StreamEvent> {
  let text = ''
  for await (const chunk of source) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const values = (name: string) =>
        lines
          .filter((line) => line.startsWith(`${name}: `))
          .map((line) => line.slice(name.length + 2))
      const data = values('data')
      if (data.length > 0)
        yield { event: values('event')[0], id: values('id')[0], data: data.join('\n') }
    }
  }
}
