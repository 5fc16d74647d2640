import { setting } from '../setting.ts'
import { integer } from '../values/plain.ts'

/** Readings in the metrics. */
export const READINGS_SETTINGS = {
  readingTtl: setting(
    integer(1, 31_536_000),
    '3600',
    'seconds after which the last reading of a silent device is removed from the metrics',
  ),
  readingSeries: setting(
    integer(0, 1_000_000),
    '1000',
    'maximum number of readings (device and topic) in the metrics',
  ),
  readingSeriesPerDevice: setting(
    integer(0, 1_000_000),
    undefined,
    'maximum number of readings of one device in the metrics [a quarter of WOTT_READING_SERIES]',
  ),
} as const
