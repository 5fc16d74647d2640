import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { type Context, createHandler, type Handler } from '../../src/lambda/handler.ts'
import type { Result } from '../../src/lambda/result.ts'
import { type CollectedLog, collectLog } from '../support/log.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { type EventName, type EventRequest, requestEvent } from './events.ts'

export const ACL = `user sensor.d.wott.local
topic readwrite wott/#
`

/** The environment of a function: devices, files and a Mosquitto that requires client certificates. */
export interface Surroundings extends AsyncDisposable {
  /** The settings of the function. */
  readonly environment: Record<string, string>
  /** The CA of devices. */
  readonly pki: Pki
  readonly sensor: Credentials
  readonly aclFile: string
  readonly mosquitto: Mosquitto
  /** A proxy between the function and the broker. */
  readonly wire: TcpProxy
  /** Another client of the broker. */
  client(): Promise<MqttClient>
}

export async function startSurroundings(
  settings: Record<string, string> = {},
): Promise<Surroundings> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-lambda-'))
  const pki = await createPki(join(directory, 'devices'))
  const brokers = await createPki(join(directory, 'brokers'))
  const names = ['localhost', '127.0.0.1']
  const [own, function_, other] = await Promise.all([
    brokers.issue('broker', { names }),
    brokers.issue('function'),
    brokers.issue('other'),
  ])
  const sensor = await pki.issue('sensor.d.wott.local')
  const mosquitto = await startMosquitto({ tls: { own, clients: true } })
  const wire = await startTcpProxy(mosquitto.port)
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, ACL)
  const clients: MqttClient[] = []
  return {
    pki,
    sensor,
    aclFile,
    mosquitto,
    wire,
    environment: {
      WOTT_BROKER: `mqtts://127.0.0.1:${wire.port}`,
      WOTT_BROKER_CA_FILE: function_.caFile,
      WOTT_BROKER_CERT_FILE: function_.certFile,
      WOTT_BROKER_KEY_FILE: function_.keyFile,
      WOTT_CA_FILE: sensor.caFile,
      WOTT_CRL_FILE: pki.crlFile,
      WOTT_ACL_FILE: aclFile,
      WOTT_FUNCTION_RELOAD: '0',
      ...settings,
    },
    async client() {
      const { certificate: cert, key, ca } = other
      const url = `mqtts://127.0.0.1:${mosquitto.port}`
      const client = await connectAsync(url, { cert, key, ca, protocolVersion: 5 })
      clients.push(client)
      return client
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end(true)
      await wire[Symbol.asyncDispose]()
      await mosquitto[Symbol.asyncDispose]()
      await rm(directory, { recursive: true })
    },
  }
}

export interface LambdaSite extends Surroundings {
  readonly handler: Handler
  readonly log: CollectedLog
}

/** A function in this process. */
export async function startSite(settings: Record<string, string> = {}): Promise<LambdaSite> {
  const around = await startSurroundings(settings)
  const log = collectLog()
  const handler = createHandler({ environment: around.environment, log: log.log })
  return {
    ...around,
    handler,
    log,
    async [Symbol.asyncDispose]() {
      await handler[Symbol.asyncDispose]()
      await around[Symbol.asyncDispose]()
    },
  }
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered is then asserted
  readonly json: any
}

/** Sends a request with this certificate to the function; null for none. */
export async function invoke(
  { handler }: { handler(event: unknown, context?: Context): Promise<Result> },
  name: EventName,
  who: Pick<Credentials, 'certificate'> | null,
  request: EventRequest = {},
  ms = 10_000,
): Promise<Answered> {
  const event = requestEvent(name, { pem: who?.certificate ?? null, ...request })
  return toAnswered(await handler(event, { getRemainingTimeInMillis: () => ms }))
}

export function toAnswered(result: Result): Answered {
  const { statusCode, headers, multiValueHeaders = {}, body, isBase64Encoded } = result
  const joined = Object.entries(multiValueHeaders).map(([name, values]) => [name, values.join()])
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
  return {
    status: statusCode,
    headers: headers ?? Object.fromEntries(joined),
    body: bytes,
    get json() {
      return JSON.parse(bytes.toString())
    },
  }
}
