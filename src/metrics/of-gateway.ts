import type { Config } from '../config/load.ts'
import { VERSION } from '../version.ts'
import { createMetrics, type Metrics } from './prometheus.ts'
import { createReadings, type Readings } from './readings.ts'

/** The metrics of a gateway, and the readings that they show. */
export function createGatewayMetrics(settings: Config['readings']): {
  readonly metrics: Metrics
  readonly readings: Readings
} {
  const readings = createReadings(settings)
  const metrics = createMetrics(readings, { version: VERSION, node: process.version })
  return { metrics, readings }
}
