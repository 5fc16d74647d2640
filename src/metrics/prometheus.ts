import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Ledger } from '../budget/ledger.ts'
import { doorsWith } from '../door-table.ts'
import { createBridgeMetrics, type WatchedBridge } from './bridge.ts'
import { registerCommandMetrics } from './commands.ts'
import { registerDoorMetrics } from './doors.ts'
import { registerDurations } from './durations.ts'
import { registerMemoryMetrics } from './memory.ts'
import {
  type Meter,
  PUBLISH_RESULTS,
  type PublishResult,
  QUEUE_REASONS,
  type Source,
  STORE_LIMITS,
} from './meter.ts'
import { registerPresenceMetrics, type WatchedPresence } from './presence.ts'
import type { Readings } from './readings.ts'
import { registerStoreMetrics, type StoreMetricsOptions } from './store.ts'
import { createUplinkMetrics, type WatchedUplink } from './uplink.ts'

/** The metrics of a process as its ops door shows them. */
export interface Exposition {
  readonly meter: Meter
  readonly contentType: string
  /** In Prometheus' text format. */
  text(): Promise<string>
}

export interface Metrics extends Exposition {
  /** Adds what is known of the broker once it is open. */
  watchStore(options: StoreMetricsOptions): void
  /** Adds what is known of the connection to another broker. */
  watchUplink(uplink: WatchedUplink): void
  /** Adds what is known of the bridge to another broker. */
  watchBridge(bridge: WatchedBridge): void
  /** Adds which topics are silent. */
  watchPresence(presence: WatchedPresence): void
  /** Adds what is held for others. */
  watchMemory(ledgers: readonly Ledger[]): void
  /** Adds whether each of these files is in force as it is on the disk. */
  watchFiles(problems: Readonly<Record<string, () => string | null>>): void
}

type Counts<Of> = Partial<Record<Source, Of>>
/** How many came to which result, by QoS. */
type Published = Record<PublishResult, [number, number, number]>

function nothingYet(): Published {
  const none = PUBLISH_RESULTS.map((result) => [result, [0, 0, 0]])
  return Object.fromEntries(none)
}

/** Gauges that are called counters, which promtool objects to; each is the sum of the one without `_total`. */
export const MISNAMED = ['handles', 'requests', 'resources'].map(
  (what) => `nodejs_active_${what}_total`,
)

const TLS_DOORS = doorsWith({ process: 'serve', hasTls: true })
/** Those through which clients publish. */
const MQTT_DOORS = doorsWith({ process: 'serve', speaksMqtt: true })

/** Everything under `wott_`, in a Registry of its own. */
export function createMetrics(
  readings: Readings,
  build: { version: string; node: string },
): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)

  new Gauge({
    name: 'wott_build_info',
    help: 'Version of the gateway and of Node.js that runs it; always 1.',
    labelNames: ['version', 'node'],
    registers,
  }).set(build, 1)
  // counted in plain numbers, and told when somebody asks: prom-client would hash the labels of every message
  const published: Counts<Published> = Object.fromEntries(
    MQTT_DOORS.map((door) => [door, nothingYet()]),
  )
  const delivered: Counts<number> = Object.fromEntries(TLS_DOORS.map((door) => [door, 0]))
  new Counter({
    name: 'wott_publishes_total',
    help: 'Messages that clients asked to publish, by result.',
    labelNames: ['door', 'qos', 'result'],
    registers,
    collect() {
      this.reset()
      for (const [door, results] of Object.entries(published))
        for (const [result, counts] of Object.entries(results))
          for (const [qos, count] of counts.entries())
            if (qos < 2 || door === 'mqtt') this.inc({ door, qos: String(qos), result }, count)
    },
  })
  const publishTook = registerDurations(registry, {
    name: 'wott_publish_duration_seconds',
    help: 'Time from a whole publish request to its answer.',
    doors: MQTT_DOORS.filter((door) => door !== 'mqtt'),
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  })
  const publishesDelayed = new Counter({
    name: 'wott_publishes_delayed_total',
    help: 'MQTT messages that were delayed because their device exceeds WOTT_PUBLISH_RATE.',
    labelNames: ['door'],
    registers,
  })
  const turnsAwaited = new Counter({
    name: 'wott_turns_awaited_total',
    help: 'How often work of a device had to wait for others, because the device had used up its share of the time.',
    registers,
  })
  new Counter({
    name: 'wott_deliveries_total',
    help: 'Messages handed to subscribers and stream readers.',
    labelNames: ['door'],
    registers,
    collect() {
      this.reset()
      for (const [door, count] of Object.entries(delivered)) this.inc({ door }, count)
    },
  })
  const dropped = new Counter({
    name: 'wott_deliveries_dropped_total',
    help: 'Messages that were not delivered to a subscriber or stream reader that may read them.',
    labelNames: ['door', 'reason'],
    registers,
  })
  const storeLimits = new Counter({
    name: 'wott_store_limits_reached_total',
    help: 'Retained messages, subscriptions and sessions that were refused or ended because of a limit of the store.',
    labelNames: ['limit'],
    registers,
  })
  const damaged = new Counter({
    name: 'wott_store_damaged_messages_total',
    help: 'Messages of the log whose checksum did not match when they were read.',
    registers,
  })
  const storeUnreadable = new Counter({
    name: 'wott_store_read_errors_total',
    help: 'Reads of the store that failed.',
    registers,
  })
  const doors = registerDoorMetrics(registry, {
    process: 'serve',
    direct: ['device', 'viewer', 'ops'],
  })
  const commands = registerCommandMetrics(registry)
  const uplink = createUplinkMetrics()
  const bridge = createBridgeMetrics()
  const streams = new Gauge({
    name: 'wott_streams',
    help: 'Open event streams.',
    labelNames: ['door'],
    registers,
  })
  const streamsRefused = new Counter({
    name: 'wott_streams_refused_total',
    help: 'Event streams that were refused because the limit on open streams was reached.',
    labelNames: ['door'],
    registers,
  })
  const aclRules = new Gauge({
    name: 'wott_acl_rules',
    help: 'Rules of the ACL file in use.',
    registers,
  })
  const aclReloadSuccessful = new Gauge({
    name: 'wott_acl_last_reload_successful',
    help: 'Whether the ACL file could be used when it was last read.',
    registers,
  })
  const aclReloadTime = new Gauge({
    name: 'wott_acl_last_reload_success_timestamp_seconds',
    help: 'When the ACL file in use was read.',
    registers,
  })
  const certificateNotBefore = new Gauge({
    name: 'wott_certificate_not_before_timestamp_seconds',
    help: "Start of validity of the gateway's certificate, of the device CA and of its revocation list.",
    labelNames: ['certificate'],
    registers,
  })
  const certificateExpiry = new Gauge({
    name: 'wott_certificate_expiry_timestamp_seconds',
    help: "End of validity of the gateway's certificate, of the device CA and of its revocation list.",
    labelNames: ['certificate'],
    registers,
  })
  const certificatesForgotten = new Counter({
    name: 'wott_certificates_forgotten_total',
    help: 'Verified client certificates that were forgotten because others were used after them; the next connection of such a device verifies it again.',
    registers,
  })
  const descriptorsExhausted = new Counter({
    name: 'wott_descriptors_exhausted_total',
    help: 'Times that a file could not be read because no file descriptor was left; it is tried again.',
    registers,
  })
  new Gauge({
    name: 'wott_reading',
    help: 'Last number that a device published to a topic.',
    labelNames: ['device', 'topic'],
    registers,
    collect() {
      this.reset()
      for (const { device, topic, value } of readings.current()) this.set({ device, topic }, value)
    },
  })
  new Gauge({
    name: 'wott_device_last_seen_timestamp_seconds',
    help: 'When a device last published.',
    labelNames: ['device'],
    registers,
    collect() {
      this.reset()
      for (const [device, time] of readings.lastSeen()) this.set({ device }, time / 1000)
    },
  })
  new Gauge({
    name: 'wott_device_certificate_expiry_timestamp_seconds',
    help: 'End of validity of the certificate that a device showed last.',
    labelNames: ['device'],
    registers,
    collect() {
      this.reset()
      for (const [device, time] of readings.certificateEnds()) this.set({ device }, time / 1000)
    },
  })
  new Counter({
    name: 'wott_readings_overflowed_total',
    help: 'Numbers left out of wott_reading because the limit on its series was reached.',
    registers,
    collect() {
      this.reset()
      this.inc(readings.overflowed)
    },
  })

  // a counter that begins with its first event hides that event from rate() and increase(), and a gauge that is not
  // there yet looks like a broken panel
  function startAtZero(): void {
    for (const door of TLS_DOORS) dropped.inc({ door, reason: 'slow_reader' }, 0)
    for (const limit of STORE_LIMITS) storeLimits.inc({ limit }, 0)
    for (const door of TLS_DOORS.filter((door) => door !== 'mqtt')) {
      streams.set({ door }, 0)
      streamsRefused.inc({ door }, 0)
    }
    for (const door of MQTT_DOORS) {
      publishesDelayed.inc({ door }, 0)
      dropped.inc({ door, reason: 'packet_too_large' }, 0)
    }
    for (const reason of QUEUE_REASONS) dropped.inc({ door: 'mqtt', reason }, 0)
  }
  startAtZero()

  const meter: Meter = {
    published(door, qos, result) {
      const counts = published[door]
      if (counts) counts[result][qos] += 1
    },
    publishTook,
    publishDelayed: (door) => publishesDelayed.inc({ door }),
    turnAwaited: () => turnsAwaited.inc(),
    delivered(door) {
      delivered[door] = (delivered[door] ?? 0) + 1
    },
    deliveryDropped: (door, reason, count = 1) => dropped.inc({ door, reason }, count),
    messagesDamaged: (count) => damaged.inc(count),
    storeLimitReached: (limit, count) => storeLimits.inc({ limit }, count),
    storeUnreadable: () => storeUnreadable.inc(),
    ...doors,
    ...commands,
    ...uplink.meter,
    ...bridge.meter,
    streamOpened: (door) => streams.inc({ door }),
    streamClosed: (door) => streams.dec({ door }),
    streamRefused: (door) => streamsRefused.inc({ door }),
    aclLoaded(rules) {
      aclReloadSuccessful.set(rules === null ? 0 : 1)
      if (rules === null) return
      aclRules.set(rules)
      aclReloadTime.setToCurrentTime()
    },
    descriptorsExhausted: () => descriptorsExhausted.inc(),
    certificateForgotten: () => certificatesForgotten.inc(),
    certificateValid(certificate, validity) {
      certificateNotBefore.remove({ certificate })
      certificateExpiry.remove({ certificate })
      if (validity === null) return
      certificateNotBefore.set({ certificate }, validity.from / 1000)
      certificateExpiry.set({ certificate }, validity.to / 1000)
    },
  }
  return {
    meter,
    contentType: registry.contentType,
    watchStore: (options) => registerStoreMetrics(registry, options),
    watchUplink: (watched) => uplink.watch(registry, watched),
    watchBridge: (watched) => bridge.watch(registry, watched),
    watchPresence: (presence) => registerPresenceMetrics(registry, presence),
    watchMemory: (ledgers) => registerMemoryMetrics(registry, ledgers),
    watchFiles(problems) {
      new Gauge({
        name: 'wott_reload_pending',
        help: 'Whether the file on the disk cannot be used, so that the old one is still used; it is tried again.',
        labelNames: ['file'],
        registers,
        collect() {
          for (const [file, problem] of Object.entries(problems))
            this.set({ file }, problem() === null ? 0 : 1)
        },
      })
    },
    text: () => registry.metrics(),
  }
}
