import { Counter, Gauge, type Registry } from 'prom-client'
import { doorsWith } from '../door-table.ts'
import { type Meter, QUEUE_REASONS, type Source } from './meter.ts'

type DeliveryMeter = Pick<
  Meter,
  'delivered' | 'deliveryDropped' | 'streamOpened' | 'streamClosed' | 'streamRefused'
>

const DOORS = doorsWith({ process: 'serve', hasTls: true })
const MQTT_DOORS = doorsWith({ process: 'serve', speaksMqtt: true })

/** What subscribers and stream readers get. */
export function registerDeliveryMetrics(registry: Registry): DeliveryMeter {
  const registers = [registry]
  // counted in plain numbers, as in publishes.ts
  const delivered: Partial<Record<Source, number>> = Object.fromEntries(
    DOORS.map((door) => [door, 0]),
  )
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
  for (const door of DOORS) dropped.inc({ door, reason: 'slow_reader' }, 0)
  for (const door of MQTT_DOORS) dropped.inc({ door, reason: 'packet_too_large' }, 0)
  for (const reason of QUEUE_REASONS) dropped.inc({ door: 'mqtt', reason }, 0)
  for (const door of DOORS.filter((door) => door !== 'mqtt')) {
    streams.set({ door }, 0)
    streamsRefused.inc({ door }, 0)
  }

  return {
    delivered(door) {
      delivered[door] = (delivered[door] ?? 0) + 1
    },
    deliveryDropped: (door, reason, count = 1) => dropped.inc({ door, reason }, count),
    streamOpened: (door) => streams.inc({ door }),
    streamClosed: (door) => streams.dec({ door }),
    streamRefused: (door) => streamsRefused.inc({ door }),
  }
}
