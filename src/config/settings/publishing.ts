import { setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
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
    'maximum number of Idempotency-Keys that are remembered; beyond it the oldest are dropped, those of the same device first',
  ),
  idempotencyKeysPerDevice: setting(
    integer(1, 10_000_000),
    undefined,
    'maximum number of Idempotency-Keys of one device [a quarter of WOTT_IDEMPOTENCY_KEYS]',
  ),
  idempotencyBytes: setting(
    bytes(64 * KiB, 64 * 1024 * MiB),
    '64MiB',
    'maximum size of all Idempotency-Keys and their stored answers',
  ),
  idempotencyBytesPerDevice: setting(
    bytes(16 * KiB, 64 * 1024 * MiB),
    undefined,
    'maximum size of the Idempotency-Keys and answers of one device [a quarter of WOTT_IDEMPOTENCY_BYTES]',
  ),
} as const
