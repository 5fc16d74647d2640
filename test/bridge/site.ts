import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { SettingName } from '../../src/config/schema.ts'
import { mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const directories: string[] = []
process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A folder for a store, which is removed when the process ends. */
export function storeFolder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'wott-bridge-'))
  directories.push(directory)
  return directory
}

export interface BridgedGateway extends TestGateway {
  readonly device: Credentials
  /** Connects mqtt.js as that device. */
  client(options?: IClientOptions): Promise<MqttClient>
  /** Resolves once the bridge has connected that many times. */
  connected(count?: number): Promise<void>
  /** Resolves once the other broker has acknowledged everything. */
  caughtUp(): Promise<void>
}

export interface BridgedOptions {
  /** The port of the other broker on the loopback interface. */
  readonly port: number
  readonly topics?: string
  readonly folder?: string
  readonly clientId?: string
  readonly settings?: Partial<Record<SettingName, string>>
}

/** A gateway with a bridge to the broker on this port. */
export async function startBridged({
  port,
  topics,
  folder = storeFolder(),
  clientId,
  settings = {},
}: BridgedOptions): Promise<BridgedGateway> {
  const at = await startGateway({
    acl: 'pattern readwrite #\n',
    settings: {
      broker: `file:${folder}`,
      bridge: `mqtt://127.0.0.1:${port}`,
      ...(topics === undefined ? {} : { bridgeTopics: topics }),
      ...(clientId === undefined ? {} : { bridgeClientId: clientId }),
      publishRate: '0',
      ...settings,
    },
  })
  const device = await at.pki.issue('device.d.wott.local')
  return {
    ...at,
    device,
    client: (options) => mqtt(at, device, { protocolVersion: 5, ...options }),
    async connected(count = 1) {
      await at.logged(
        () => at.log.filter(({ msg }) => msg === 'the bridge is connected').length >= count,
      )
    },
    async caughtUp() {
      await at.until('wott_bridge_lag_messages', 0)
    },
    [Symbol.asyncDispose]: at[Symbol.asyncDispose],
  }
}

export interface Old extends AsyncDisposable {
  readonly port: number
}

/** A proxy of the broker on this port that speaks MQTT 3.1.1 only. */
export async function withoutMqtt5(port: number): Promise<Old> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', (begin) => {
      // the level follows the name "MQTT"; its highest bit marks a bridge
      const level = Number(begin[begin.indexOf('MQTT') + 4]) & 0x7f
      if (level > 4) return void socket.end(Buffer.from([0x20, 2, 0, 1]))
      const broker = connect(port, '127.0.0.1').on('error', () => socket.destroy())
      broker.write(begin)
      socket.pipe(broker).pipe(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

export interface Reader extends AsyncDisposable {
  readonly client: MqttClient
  /** `TOPIC PAYLOAD` of all messages so far. */
  readonly seen: string[]
  readonly packets: IPublishPacket[]
  /** Resolves once there are that many. */
  count(count: number): Promise<void>
  /** Resolves once this message has arrived. */
  saw(text: string): Promise<void>
}

/** A subscriber of the broker on this port of the loopback interface. */
export async function readerOf(
  port: number,
  filter = '#',
  options: IClientOptions = {},
): Promise<Reader> {
  const client = await connectAsync({
    host: '127.0.0.1',
    port,
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...options,
  })
  return readFrom(client, filter)
}

export async function readFrom(client: MqttClient, filter = '#'): Promise<Reader> {
  const seen: string[] = []
  const packets: IPublishPacket[] = []
  const watchers = new Set<() => void>()
  client.on('message', (topic, payload, packet) => {
    seen.push(`${topic} ${payload}`)
    packets.push(packet)
    for (const look of watchers) look()
  })
  await client.subscribeAsync(filter, { qos: 1, rap: true })
  function until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isThere()) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
    })
  }
  return {
    client,
    seen,
    packets,
    count: (count) => until(() => seen.length >= count),
    saw: (text) => until(() => seen.includes(text)),
    [Symbol.asyncDispose]: () => client.endAsync(),
  }
}

/** The first copy of each, in the order of arrival. */
export function firstOf(seen: readonly string[]): string[] {
  return [...new Set(seen)]
}
