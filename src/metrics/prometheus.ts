import { Gauge } from 'prom-client'
import type { Ledger } from '../budget/ledger.ts'
import { createBridgeMetrics, type WatchedBridge } from './bridge.ts'
import { registerCommandMetrics } from './commands.ts'
import { registerDeliveryMetrics } from './deliveries.ts'
import { registerDoorMetrics } from './doors.ts'
import { registerFileMetrics, registerReloads } from './files.ts'
import { registerMemoryMetrics } from './memory.ts'
import type { Meter } from './meter.ts'
import { registerPresenceMetrics, type WatchedPresence } from './presence.ts'
import { createProcessRegistry } from './process-registry.ts'
import { registerPublishMetrics } from './publishes.ts'
import { registerReadings } from './reading-metrics.ts'
import type { Readings } from './readings.ts'
import { registerStoreMetrics, type StoreMetricsOptions } from './store.ts'
import { registerStoreFaults } from './store-faults.ts'
import { createUplinkMetrics, type WatchedUplink } from './uplink.ts'

/** The metrics that an ops door shows. */
export interface Exposition {
  readonly meter: Meter
  readonly contentType: string
  /** In Prometheus' text format. */
  text(): Promise<string>
}

export interface Metrics extends Exposition {
  /** Adds the metrics of the broker, once it is open. */
  watchStore(options: StoreMetricsOptions): void
  /** Adds the metrics of the connection to another broker. */
  watchUplink(uplink: WatchedUplink): void
  /** Adds the metrics of the bridge to another broker. */
  watchBridge(bridge: WatchedBridge): void
  /** Adds which topics are silent. */
  watchPresence(presence: WatchedPresence): void
  /** Adds the memory that is held for clients. */
  watchMemory(ledgers: readonly Ledger[]): void
  /** Adds whether the last load of each of these files failed. */
  watchFiles(failures: Readonly<Record<string, () => string | null>>): void
}

/** All metrics of the gateway, in a registry of their own. */
export function createMetrics(
  readings: Readings,
  build: { version: string; node: string },
): Metrics {
  const registry = createProcessRegistry()
  const registers = [registry]

  new Gauge({
    name: 'wott_build_info',
    help: 'Version of the gateway and of Node.js that runs it; always 1.',
    labelNames: ['version', 'node'],
    registers,
  }).set(build, 1)
  const uplink = createUplinkMetrics()
  const bridge = createBridgeMetrics()
  // every series is there from the start: a counter that begins with its first event hides that event from rate() and
  // increase(), and a gauge that is not there yet looks like a broken panel
  const meter: Meter = {
    ...registerPublishMetrics(registry),
    ...registerDeliveryMetrics(registry),
    ...registerStoreFaults(registry),
    ...registerDoorMetrics(registry, 'serve'),
    ...registerCommandMetrics(registry),
    ...uplink.meter,
    ...bridge.meter,
    ...registerFileMetrics(registry),
  }
  registerReadings(registry, readings)
  return {
    meter,
    contentType: registry.contentType,
    watchStore: (options) => registerStoreMetrics(registry, options),
    watchUplink: (watched) => uplink.watch(registry, watched),
    watchBridge: (watched) => bridge.watch(registry, watched),
    watchPresence: (presence) => registerPresenceMetrics(registry, presence),
    watchMemory: (ledgers) => registerMemoryMetrics(registry, ledgers),
    watchFiles: (failures) => registerReloads(registry, failures),
    text: () => registry.metrics(),
  }
}
