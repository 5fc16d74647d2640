import { Counter, Gauge, type Registry } from 'prom-client'
import { BRIDGE_LOSSES, BRIDGE_RESULTS, type Meter } from './meter.ts'

/** The bridge to another broker, as far as the metrics ask it. */
export interface WatchedBridge {
  isConnected(): boolean
  /** Messages that the other broker has not acknowledged; null while they are being counted. */
  lag(): number | null
  /** When the oldest of them was taken here, in milliseconds since the Unix epoch; null where there is none. */
  oldest(): number | null
}

export interface BridgeMetrics {
  readonly meter: Pick<Meter, 'bridgeForwarded' | 'bridgeReceived' | 'bridgeLost'>
  /** Shows them: a gateway without a bridge has none of them. */
  watch(registry: Registry, bridge: WatchedBridge): void
}

export function createBridgeMetrics(): BridgeMetrics {
  const forwarded = new Counter({
    name: 'wott_bridge_forwarded_total',
    help: 'Messages that the other broker of the bridge has acknowledged.',
    registers: [],
  })
  const received = new Counter({
    name: 'wott_bridge_received_total',
    help: 'Messages that came from the other broker of the bridge, by result.',
    labelNames: ['result'],
    registers: [],
  })
  const lost = new Counter({
    name: 'wott_bridge_lost_total',
    help: 'Messages that the bridge will never send to the other broker, by reason.',
    labelNames: ['reason'],
    registers: [],
  })
  for (const result of BRIDGE_RESULTS) received.inc({ result }, 0)
  for (const reason of BRIDGE_LOSSES) lost.inc({ reason }, 0)

  return {
    meter: {
      bridgeForwarded: () => forwarded.inc(),
      bridgeReceived: (result) => received.inc({ result }),
      bridgeLost: (reason, count) => lost.inc({ reason }, count),
    },
    watch(registry, bridge) {
      registry.registerMetric(forwarded)
      registry.registerMetric(received)
      registry.registerMetric(lost)
      const gauges: [string, string, () => number | null][] = [
        [
          'wott_bridge_connected',
          'Whether there is a connection to the other broker of the bridge.',
          () => (bridge.isConnected() ? 1 : 0),
        ],
        [
          'wott_bridge_lag_messages',
          'Messages that the other broker of the bridge has not acknowledged yet.',
          bridge.lag,
        ],
        [
          'wott_bridge_lag_seconds',
          'Age of the oldest message that the other broker of the bridge has not acknowledged yet.',
          () => secondsSince(bridge.oldest()),
        ],
      ]
      for (const [name, help, value] of gauges)
        new Gauge({
          name,
          help,
          registers: [registry],
          collect() {
            const now = value()
            if (now === null) this.remove()
            else this.set(now)
          },
        })
    },
  }
}

/** The system's clock may have been set back since. */
function secondsSince(time: number | null): number {
  return time === null ? 0 : Math.max(0, Date.now() - time) / 1000
}
