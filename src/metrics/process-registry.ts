import { collectDefaultMetrics, Registry } from 'prom-client'

/** Gauges with the name of a counter, which promtool rejects; each is the sum of the one without `_total`. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

/** A registry with the metrics of the process and of Node.js. */
export function createProcessRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}
