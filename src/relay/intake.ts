import { createRateLimit } from '../budget/rate-limit.ts'
import type { Config } from '../config/load.ts'
import { createRelay, type Relay, type RelayOptions } from './relay.ts'

/** The relay, with the limits from the settings. */
export function createIntake(
  { rate, burst, maxPayloadBytes, timeBounds }: Config['publishing'],
  parts: Pick<RelayOptions, 'broker' | 'denials' | 'meter'>,
): Relay {
  return createRelay({
    ...parts,
    rateLimit: createRateLimit(rate, burst),
    maxPayloadBytes,
    timeBounds,
  })
}
