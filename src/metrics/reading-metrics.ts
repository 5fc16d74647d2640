import { Counter, Gauge, type Registry } from 'prom-client'
import type { Readings } from './readings.ts'

/** The last number of each topic, and when each device was last seen. */
export function registerReadings(registry: Registry, readings: Readings): void {
  const registers = [registry]
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
}
