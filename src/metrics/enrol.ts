import { Counter, Gauge } from 'prom-client'
import { registerDoorMetrics } from './doors.ts'
import { type Meter, silentMeter } from './meter.ts'
import { createProcessRegistry } from './process-registry.ts'
import type { Exposition } from './prometheus.ts'

/** By what certificates are asked for, and what comes of it. */
const ENROL_RESULTS = ['issued', 'waiting', 'refused', 'failed'] as const
export type EnrolResult = (typeof ENROL_RESULTS)[number]

export interface EnrolMetricsOptions {
  /** What `via` and `reason` may be: each is shown from zero on. */
  readonly vias: readonly string[]
  readonly reasons: readonly string[]
  /** How many keys wait for approval. */
  waiting(): Promise<number>
}

export interface EnrolMetrics extends Exposition {
  /** A request for a certificate has come to its end. */
  enrolled(via: string, result: EnrolResult): void
  refused(reason: string): void
}

/** The metrics of the process with the enrol door, in a Registry of its own. */
export function createEnrolMetrics({ vias, reasons, waiting }: EnrolMetricsOptions): EnrolMetrics {
  const registry = createProcessRegistry()
  const registers = [registry]
  const enrolments = new Counter({
    name: 'wott_enrolments_total',
    help: 'Requests for a certificate on the enrol door, by credential and result.',
    labelNames: ['via', 'result'],
    registers,
  })
  const refusals = new Counter({
    name: 'wott_enrol_refused_total',
    help: 'Requests for a certificate that were refused, by reason.',
    labelNames: ['reason'],
    registers,
  })
  new Gauge({
    name: 'wott_enrol_waiting',
    help: 'Keys that wait for the approval of an operator.',
    registers,
    async collect() {
      // a book that cannot be read has no number
      this.set(await waiting().catch(() => Number.NaN))
    },
  })
  for (const via of vias) for (const result of ENROL_RESULTS) enrolments.inc({ via, result }, 0)
  for (const reason of reasons) refusals.inc({ reason }, 0)
  const doors = registerDoorMetrics(registry, 'enrol')
  const meter: Meter = { ...silentMeter, ...doors }
  return {
    meter,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    enrolled: (via, result) => enrolments.inc({ via, result }),
    refused: (reason) => refusals.inc({ reason }),
  }
}
