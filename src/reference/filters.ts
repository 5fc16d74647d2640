import { MAX_FILTERS } from '../http/filters.ts'

/** The `filter` of a query, which may come several times. */
export const FILTERS = {
  type: 'array',
  items: { type: 'string' },
  minItems: 1,
  maxItems: MAX_FILTERS,
  description: 'MQTT topic filters; `#` is sent as `%23`, and `+` may be sent as it is.',
  examples: [['wott/#']],
} as const
