import type { Logger } from 'pino'
import { isOutOfDescriptors } from '../disk/watched-file.ts'
import { createLogLimit, type LogLimit } from '../log/log-limit.ts'
import type { Meter } from './meter.ts'

/** What the parts of a gateway tell people: in the metrics, and in the log. */
export interface Reports {
  readonly meter: Meter
  readonly log: Logger
  readonly logLimited: LogLimit
  /** Warns of what anybody can cause, at most once a minute for each key. */
  warn(key: string, fields: object, message: string): void
  /** Counts a file that could not be read because there are no more descriptors. */
  fileFailed(error: unknown): void
}

export function createReports(meter: Meter, log: Logger): Reports {
  const logLimited = createLogLimit()
  return {
    meter,
    log,
    logLimited,
    warn: (key, fields, message) =>
      logLimited(key, (repeated) => log.warn({ ...fields, ...repeated }, message)),
    fileFailed(error) {
      if (isOutOfDescriptors(error)) meter.descriptorsExhausted()
    },
  }
}
