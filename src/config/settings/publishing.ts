import { setting } from '../setting.ts'
import { KiB } from '../units.ts'
import { bytes, integer } from '../values/plain.ts'

/** Time of readings, and requests that are sent again. */
export const PUBLISHING_SETTINGS = {
  readingPast: setting(
    integer(0, 315_360_000),
    '2592000',
    'seconds that the measuring time of a reading may lie before its arrival',
  ),
  readingFuture: setting(
    integer(0, 31_536_000),
    '300',
    'seconds that the measuring time of a reading may lie after its arrival, for devices whose clock is ahead',
  ),
  idempotencyTtl: setting(
    integer(60, 31_536_000),
    '86400',
    'seconds that an Idempotency-Key is remembered, so that a repeated request does not publish again',
  ),
  idempotencyKeys: setting(
    integer(1, 10_000_000),
    '100000',
    'maximum number of Idempotency-Keys that are remembered; beyond it the oldest are dropped, those of the same device first; one device may use a quarter of them',
  ),
  idempotencyBytes: setting(
    bytes(64 * KiB),
    '64MiB',
    'maximum size of all Idempotency-Keys and their stored answers; one device may use a quarter of it',
  ),
} as const
