import { type Meter, silentMeter } from '../../src/metrics/meter.ts'
import { createMetrics as createReal, type Metrics } from '../../src/metrics/prometheus.ts'
import {
  createReadings as createRealReadings,
  type Readings,
  type ReadingsOptions,
} from '../../src/metrics/readings.ts'

let counting = true
process.on('SIGUSR2', () => {
  counting = !counting
})

export function createMetrics(...args: Parameters<typeof createReal>): Metrics {
  const metrics = createReal(...args)
  const now = () => (counting ? metrics.meter : silentMeter)
  const meter: Meter = {
    published: (door, qos, result) => now().published(door, qos, result),
    publishTook: (door, seconds) => now().publishTook(door, seconds),
    publishDelayed: (door) => now().publishDelayed(door),
    turnAwaited: () => now().turnAwaited(),
    delivered: (door) => now().delivered(door),
    deliveryDropped: (door, reason, count) => now().deliveryDropped(door, reason, count),
    storeLimitReached: (limit, count) => now().storeLimitReached(limit, count),
    messagesDamaged: (count) => now().messagesDamaged(count),
    handshakeDelayed: (door) => now().handshakeDelayed(door),
    requestRefused: (door, reason) => now().requestRefused(door, reason),
    identityHeaderIgnored: (door) => now().identityHeaderIgnored(door),
    passedOnRefused: (code) => now().passedOnRefused(code),
    storeUnreadable: () => now().storeUnreadable(),
    uplinkConnection: (result) => now().uplinkConnection(result),
    uplinkPublishTook: (seconds) => now().uplinkPublishTook(seconds),
    uplinkRefused: (reason) => now().uplinkRefused(reason),
    uplinkDropped: (reason) => now().uplinkDropped(reason),
    uplinkSubscriptionRefused: () => now().uplinkSubscriptionRefused(),
    bridgeForwarded: () => now().bridgeForwarded(),
    bridgeReceived: (result) => now().bridgeReceived(result),
    bridgeLost: (reason, count) => now().bridgeLost(reason, count),
    uplinkSuspected: () => now().uplinkSuspected(),
    commandDelivered: (isRepeated) => now().commandDelivered(isRepeated),
    commandAcknowledged: () => now().commandAcknowledged(),
    certificateForgotten: () => now().certificateForgotten(),
    // gauges must always count, or they would be wrong
    ...gauges(metrics.meter),
  }
  return { ...metrics, meter }
}

function gauges({
  connectionOpened,
  connectionClosed,
  connectionCut,
  handshake,
  streamOpened,
  streamClosed,
  streamRefused,
  pollOpened,
  pollClosed,
  pollRefused,
  aclLoaded,
  descriptorsExhausted,
  certificateValid,
}: Meter) {
  return {
    connectionOpened,
    connectionClosed,
    connectionCut,
    handshake,
    streamOpened,
    streamClosed,
    streamRefused,
    pollOpened,
    pollClosed,
    pollRefused,
    aclLoaded,
    descriptorsExhausted,
    certificateValid,
  }
}

export function createReadings(options: ReadingsOptions): Readings {
  const readings = createRealReadings(options)
  return {
    ...readings,
    note(message) {
      if (counting) readings.note(message)
    },
  }
}
