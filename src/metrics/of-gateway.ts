import { VERSION } from '../version.ts'
import { createMetrics, type Metrics } from './prometheus.ts'
import { createReadings, type Readings } from './readings.ts'

export interface ReadingSettings {
  readonly readingSeries: number
  readonly readingSeriesPerDevice: number
  /** Seconds. */
  readonly readingTtl: number
}

/** The metrics of a gateway, and the readings that they show. */
export function createGatewayMetrics(settings: ReadingSettings): {
  readonly metrics: Metrics
  readonly readings: Readings
} {
  const readings = createReadings({
    series: settings.readingSeries,
    perDevice: settings.readingSeriesPerDevice,
    ttl: settings.readingTtl * 1000,
  })
  const metrics = createMetrics(readings, { version: VERSION, node: process.version })
  return { metrics, readings }
}
