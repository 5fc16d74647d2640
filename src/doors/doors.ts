import type { Config } from '../config/load.ts'
import { createOpsDoor } from '../http/ops-door.ts'
import type { Metrics } from '../metrics/prometheus.ts'
import type { Readings } from '../metrics/readings.ts'
import { PLAIN_MQTT } from '../mqtt/listeners.ts'
import { createDeviceServers, type DeviceServers } from './devices.ts'
import type { House } from './house.ts'
import { createSpoofCounter } from './http.ts'
import { createOpener, type OpenDoors } from './opener.ts'
import { proxyAdmission } from './proxy.ts'
import { createReadiness, type Watched } from './readiness.ts'
import { createViewerServer } from './viewers.ts'

/** The doors of a gateway. */
export interface Doors extends AsyncDisposable {
  readonly open: OpenDoors
  /** The devices that have come through the proxy door. */
  readonly proxied: DeviceServers['proxied']
  /** Accepts nothing new, and resolves once requests in flight are answered. */
  drain(): Promise<unknown>
}

export interface DoorsOptions {
  readonly metrics: Metrics
  readonly readings: Pick<Readings, 'noteCertificate'>
  readonly bridge: Watched['bridge']
}

/** Opens every door that is not off. Rejects with a UsageError that names the door whose address is not available. */
export async function openDoors(
  config: Config,
  house: House,
  { metrics, readings, bridge }: DoorsOptions,
): Promise<Doors> {
  const { acl, catalog, devices, reports } = house
  await using building = new AsyncDisposableStack()
  let isStopping = false
  const countSpoofed = createSpoofCounter(config, reports.meter)
  const servers = await createDeviceServers(config, house, readings, countSpoofed)
  building.defer(servers.close)
  const opener = await createOpener('serve', config, reports)
  const people = await createViewerServer(config, house, opener.admissions, countSpoofed)
  building.defer(people.viewers.close)
  building.use(opener)
  const files = {
    acl: acl.failure,
    certificates: devices.trust.failure,
    viewers: people.viewers.failure,
    ...(config.topics.file ? { topics: catalog.failure } : {}),
  }
  metrics.watchFiles(files)
  const watched = { doors: opener.doors, files, bridge, isStopping: () => isStopping }
  const ops = createOpsDoor({
    ...createReadiness(config, house, watched),
    metrics,
    door: 'ops',
    onRequest: countSpoofed('ops'),
    settings: config.http,
  })

  // probes can ask from the start, and get "not ready" until the last door is open
  await opener.openHttp('ops', config.doors.ops, ops)
  await opener.open('mqtt', config.doors.mqtt, servers.mqtt, { plain: PLAIN_MQTT })
  await opener.openHttp('viewer', config.doors.viewer, people.viewer)
  if (servers.proxy) {
    const admission = proxyAdmission(config, opener.maxStrangers, reports)
    await opener.openHttp('proxy', config.doors.proxy, servers.proxy, admission)
  }
  await opener.openHttp('device', config.doors.device, servers.device)

  const running = building.move()
  return {
    open: opener.doors,
    proxied: servers.proxied,
    drain() {
      isStopping = true
      return opener.drain()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
