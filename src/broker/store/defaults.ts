import { shapedBy } from '../../config/schema.ts'
import { LIMITS_SETTINGS } from '../../config/settings/limits.ts'
import { RETENTION_SETTINGS } from '../../config/settings/retention.ts'
import type { Limits } from './limits.ts'
import type { Retention } from './retention.ts'

export const DEFAULT_LIMITS: Limits = {
  ...shapedBy(LIMITS_SETTINGS.settings),
  sharedSubscriptionsPerDevice: 1_000,
  // as many as one session has packet identifiers for
  arrivalsPerDevice: 65_535,
}

export const DEFAULT_RETENTION: Retention = shapedBy(RETENTION_SETTINGS.settings)
