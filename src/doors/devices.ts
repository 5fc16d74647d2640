import type { Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { Config } from '../config/load.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import { createDeviceDoor } from '../http/device-door.ts'
import type { App } from '../http/fastify.ts'
import { createTooLargeLog } from '../http/publish.ts'
import { identityOf } from '../identity/connection.ts'
import type { ProxiedSenders } from '../identity/proxy/proxied-senders.ts'
import { refusalOf } from '../identity/refusals.ts'
import { connectionSenders } from '../identity/senders.ts'
import { namedAt } from '../log/named.ts'
import type { Readings } from '../metrics/readings.ts'
import type { Reports } from '../metrics/reports.ts'
import { createMqttServer, createMqttUpgrade } from '../mqtt/listeners.ts'
import { addressOf } from '../net/address.ts'
import { type House, secured } from './house.ts'
import { readingOptions, type SpoofCounter } from './http.ts'
import { openProxyDoor, type ProxyDoor } from './proxy.ts'

/** The servers of the three doors for devices. */
export interface DeviceServers {
  readonly mqtt: TlsServer
  readonly device: App
  /** Null if there is no such door. */
  readonly proxy: App | null
  /** The devices that have come through it. */
  proxied(): ReturnType<ProxiedSenders['all']>
  close(): void
}

export async function createDeviceServers(
  config: Config,
  house: House,
  readings: Pick<Readings, 'noteCertificate'>,
  countSpoofed: SpoofCounter,
): Promise<DeviceServers> {
  const { devices, reports } = house
  const options = deviceOptions(config, house)
  const device = createDeviceDoor({
    ...options,
    door: 'device',
    senders: connectionSenders,
    onRequest: countSpoofed('device'),
    admit: ({ socket }) => refusalOf(socket),
  })
  const mqtt = secured(createMqttServer(devices.trust.current, house.mqtt), house)
  for (const [door, server] of [
    ['mqtt', mqtt],
    ['device', secured(device.server, house)],
  ] as const) {
    devices.connections.identify(server, door)
    server.on('secureConnection', (socket) => {
      const who = identityOf(socket)
      if (!(who instanceof GatewayError)) readings.noteCertificate(who.id, who.notAfter)
    })
  }
  const proxied = await openProxyDoor(config, {
    trust: devices.trust,
    reports,
    onVerified: ({ id, notAfter }) => readings.noteCertificate(id, notAfter),
  })
  devices.trust.onChange(() => void proxied?.recheck())
  return {
    mqtt,
    device,
    proxy: proxied && createProxyServer(options, proxied),
    proxied: () => proxied?.senders.all() ?? [],
    close: () => proxied?.close(),
  }
}

function createProxyServer(options: ReturnType<typeof deviceOptions>, proxied: ProxyDoor): App {
  const app = createDeviceDoor({
    ...options,
    door: 'proxy',
    senders: proxied.senders,
    trust: proxied.trust,
    admit: proxied.admit,
    isShared: true,
  })
  proxied.watch(app.server)
  return app
}

function deviceOptions(config: Config, house: House) {
  const { broker, commands, guards, mqtt, relay, reports } = house
  return {
    ...readingOptions(config, house),
    relay,
    commands,
    keys: broker.keys,
    maxPollWaitSeconds: config.commands.maxPollWaitSeconds,
    mqtt: createMqttUpgrade(mqtt, guards.memory),
    maxPayloadBytes: config.publishing.maxPayloadBytes,
    onUpgradeRefused: createUpgradeLog(reports),
    influx: config.influx,
    onTooLarge: createTooLargeLog(reports),
  }
}

/** Logs whose WebSocket upgrade was refused. */
function createUpgradeLog({ warn }: Reports) {
  return (
    door: Door,
    socket: Pick<Socket, 'remoteAddress'>,
    who: { readonly id: string } | null,
    { code: reason, message: detail }: GatewayError,
  ): void => {
    const address = addressOf(socket)
    warn(
      `upgrade\0${door}\0${reason}\0${who?.id ?? address}`,
      { door, ...namedAt(door, who?.id), address, reason, detail },
      'refused a WebSocket',
    )
  }
}
