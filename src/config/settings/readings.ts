import { derived, section, setting } from '../setting.ts'
import { integer, secondsAsMs } from '../values/plain.ts'

/** Readings in the metrics: `config.readings`. */
export const READINGS_SETTINGS = section('Readings in the metrics', 'monitoring.md', {
  ttlMs: setting(
    'readingTtl',
    secondsAsMs(1, 31_536_000),
    '3600',
    'seconds after which the last reading of a silent device is removed from the metrics',
  ),
  series: setting(
    'readingSeries',
    integer(0, 1_000_000),
    '1000',
    'maximum number of readings (device and topic) in the metrics',
  ),
  perDevice: derived(
    'readingSeriesPerDevice',
    integer(0, 1_000_000),
    (value) => Math.ceil(value<number>('readingSeries') / 4),
    'maximum number of readings of one device in the metrics [a quarter of WOTT_READING_SERIES]',
  ),
})
