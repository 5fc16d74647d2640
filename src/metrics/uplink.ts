import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type Meter, UPLINK_DROPS, UPLINK_REFUSALS, UPLINK_RESULTS } from './meter.ts'

/** The connection to another broker, as far as the metrics ask it. */
export interface WatchedUplink {
  state(): string
  pending(): { readonly messages: number; readonly bytes: number }
  subscriptions(): number
  /** Devices that do not publish with the others now. */
  suspects(): number
}

export interface UplinkMetrics {
  readonly meter: Pick<
    Meter,
    | 'uplinkConnection'
    | 'uplinkPublishTook'
    | 'uplinkRefused'
    | 'uplinkDropped'
    | 'uplinkSubscriptionRefused'
    | 'uplinkSuspected'
  >
  /** Shows them: a gateway without another broker has none of them. */
  watch(registry: Registry, uplink: WatchedUplink): void
}

export function createUplinkMetrics(): UplinkMetrics {
  const connections = new Counter({
    name: 'wott_uplink_connections_total',
    help: 'Attempts to connect to the other broker, by result.',
    labelNames: ['result'],
    registers: [],
  })
  const refusals = new Counter({
    name: 'wott_uplink_refusals_total',
    help: 'Messages that did not reach the other broker, or that it refused, by reason.',
    labelNames: ['reason'],
    registers: [],
  })
  const took = new Histogram({
    name: 'wott_uplink_publish_duration_seconds',
    help: 'Time until the other broker acknowledged a message.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [],
  })
  const drops = new Counter({
    name: 'wott_uplink_dropped_total',
    help: 'Messages from the other broker that were dropped, because the gateway would have refused them.',
    labelNames: ['reason'],
    registers: [],
  })
  const subscriptionsRefused = new Counter({
    name: 'wott_uplink_subscriptions_refused_total',
    help: 'Subscriptions that the other broker refused, or that were over the limit.',
    registers: [],
  })
  const suspected = new Counter({
    name: 'wott_uplink_suspected_total',
    help: 'How often a device had to use a separate connection, because the other broker closed (or may have closed) connections because of its messages.',
    registers: [],
  })
  for (const reason of UPLINK_DROPS) drops.inc({ reason }, 0)
  for (const result of UPLINK_RESULTS) connections.inc({ result }, 0)
  for (const reason of UPLINK_REFUSALS) refusals.inc({ reason }, 0)

  return {
    meter: {
      uplinkConnection: (result) => connections.inc({ result }),
      uplinkPublishTook: (seconds) => took.observe(seconds),
      uplinkRefused: (reason) => refusals.inc({ reason }),
      uplinkDropped: (reason) => drops.inc({ reason }),
      uplinkSubscriptionRefused: () => subscriptionsRefused.inc(),
      uplinkSuspected: () => suspected.inc(),
    },
    watch(registry, uplink) {
      registry.registerMetric(connections)
      registry.registerMetric(refusals)
      registry.registerMetric(took)
      registry.registerMetric(drops)
      registry.registerMetric(subscriptionsRefused)
      registry.registerMetric(suspected)
      for (const [name, help, value] of [
        [
          'wott_uplink_connected',
          'Whether there is a connection to the other broker.',
          () => (uplink.state() === 'connected' ? 1 : 0),
        ],
        [
          'wott_uplink_pending',
          'Messages that the other broker has not acknowledged yet.',
          () => uplink.pending().messages,
        ],
        [
          'wott_uplink_subscriptions',
          'Subscriptions at the other broker.',
          () => uplink.subscriptions(),
        ],
        [
          'wott_uplink_suspects',
          'Devices that now use a separate connection to the other broker.',
          () => uplink.suspects(),
        ],
        [
          'wott_uplink_pending_bytes',
          'Bytes of the messages that the other broker has not acknowledged yet.',
          () => uplink.pending().bytes,
        ],
      ] as const)
        new Gauge({
          name,
          help,
          registers: [registry],
          collect() {
            this.set(value())
          },
        })
    },
  }
}
