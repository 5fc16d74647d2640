import type { Histogram, Registry } from 'prom-client'
import type { Door } from '../door-table.ts'

export interface DurationsOptions {
  readonly name: string
  readonly help: string
  readonly doors: readonly Door[]
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[]
}

/** Durations of one door; `counts` has one more than there are bounds, for what is longer than all. */
interface Durations {
  readonly counts: number[]
  sum: number
}

/**
 * A histogram by door that is counted in plain numbers, and put into Prometheus' shape when somebody asks:
 * prom-client's own hashes the labels, and makes a string of the bound, for every observation.
 */
export function registerDurations(
  registry: Registry,
  { name, help, doors, buckets }: DurationsOptions,
): (door: Door, seconds: number) => void {
  const zero = (): Durations => ({ counts: [...buckets, 0].fill(0), sum: 0 })
  const durations = new Map(doors.map((door) => [door, zero()]))
  const described = { name, help, type: 'histogram', aggregator: 'sum' }
  const metric = {
    ...described,
    get: async () => ({
      ...described,
      values: [...durations].flatMap(([door, of]) => exposed(name, buckets, door, of)),
    }),
  }
  // of a metric, the registry uses no more than this
  registry.registerMetric(metric as unknown as Histogram)
  return (door, seconds) => {
    const of = durations.get(door)
    if (!of) return
    let bucket = 0
    while (seconds > (buckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    of.counts[bucket] = (of.counts[bucket] ?? 0) + 1
    of.sum += seconds
  }
}

/** Its samples; each bucket has what the shorter ones have, too. */
function exposed(name: string, buckets: readonly number[], door: Door, { counts, sum }: Durations) {
  let count = 0
  const samples = counts.map((more, bucket) => {
    count += more
    const le = buckets[bucket] ?? '+Inf'
    return { metricName: `${name}_bucket`, labels: { le, door }, value: count }
  })
  return [
    ...samples,
    { metricName: `${name}_sum`, labels: { door }, value: sum },
    { metricName: `${name}_count`, labels: { door }, value: count },
  ]
}
