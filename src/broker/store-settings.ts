import type { Config } from '../config/load.ts'
import type { Limits } from './store/limits.ts'
import type { Retention } from './store/retention.ts'

/** The setting of each limit of the store. */
const LIMIT_SETTINGS = {
  queueMessages: 'sessionQueue',
  queueBytes: 'sessionQueueBytes',
  whenFull: 'sessionQueueFull',
  totalBytes: 'queueBytes',
  totalBytesPerDevice: 'queueBytesPerDevice',
  retainedMessages: 'maxRetained',
  retainedBytes: 'retainedBytes',
  retainedBytesPerDevice: 'retainedBytesPerDevice',
  sessions: 'maxSessions',
  sessionsPerDevice: 'maxSessionsPerDevice',
  sessionExpiry: 'sessionExpiry',
  messageExpiry: 'messageExpiry',
  countedDowntime: 'countedDowntime',
  keys: 'idempotencyKeys',
  keyBytes: 'idempotencyBytes',
  keyTtl: 'idempotencyTtl',
} as const satisfies Partial<Record<keyof Limits, keyof Config>>

/** The setting of each limit on how long messages are kept. */
const RETENTION_SETTINGS = {
  age: 'historyAge',
  bytes: 'historyBytes',
  bytesPerDevice: 'historyBytesPerDevice',
  topicTtl: 'topicTtl',
  topics: 'maxTopics',
} as const satisfies Record<keyof Retention, keyof Config>

/** The limits that are seconds in the settings and milliseconds in the store. */
const TIMES: ReadonlySet<string> = new Set([
  'messageExpiry',
  'countedDowntime',
  'keyTtl',
  'age',
  'topicTtl',
])

type NamesIn<T> = T[keyof T]
type LimitSettings = Pick<Config, NamesIn<typeof LIMIT_SETTINGS>>
export type RetentionSettings = Pick<Config, NamesIn<typeof RETENTION_SETTINGS>>
export type StoreSettings = LimitSettings & RetentionSettings & Pick<Config, 'fsync'>

export function toLimits(settings: LimitSettings): Partial<Limits> {
  return valuesOf(LIMIT_SETTINGS, settings) as Partial<Limits>
}

/** How long messages are kept, on the disk or in memory. */
export function toRetention(settings: RetentionSettings): Retention {
  return valuesOf(RETENTION_SETTINGS, settings) as unknown as Retention
}

function valuesOf(names: Readonly<Record<string, string>>, settings: object): object {
  const values = settings as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.entries(names).map(([name, setting]) => {
      const value = values[setting]
      return [name, TIMES.has(name) ? Number(value) * 1000 : value]
    }),
  )
}
