import { createRateLimit } from '../budget/rate-limit.ts'
import { createRelay, type Relay, type RelayOptions } from './relay.ts'

export interface IntakeSettings {
  /** Readings a second, and at once. */
  readonly publishRate: number
  readonly publishBurst: number
  /** Bytes. */
  readonly maxPayload: number
  /** Seconds. */
  readonly readingPast: number
  readonly readingFuture: number
}

/** The relay, with the bounds from the settings. */
export function createIntake(
  settings: IntakeSettings,
  parts: Pick<RelayOptions, 'broker' | 'denials' | 'meter'>,
): Relay {
  return createRelay({
    ...parts,
    rateLimit: createRateLimit(settings.publishRate, settings.publishBurst),
    maxPayload: settings.maxPayload,
    timeBounds: { past: settings.readingPast * 1000, future: settings.readingFuture * 1000 },
  })
}
