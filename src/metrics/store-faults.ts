import { Counter, type Registry } from 'prom-client'
import { type Meter, STORE_LIMITS } from './meter.ts'

type StoreMeter = Pick<Meter, 'storeLimitReached' | 'messagesDamaged' | 'storeUnreadable'>

/** What the store refused, lost or could not read. */
export function registerStoreFaults(registry: Registry): StoreMeter {
  const registers = [registry]
  const storeLimits = new Counter({
    name: 'wott_store_limits_reached_total',
    help: 'Retained messages, subscriptions and sessions that were refused or ended because of a limit of the store.',
    labelNames: ['limit'],
    registers,
  })
  const damaged = new Counter({
    name: 'wott_store_damaged_messages_total',
    help: 'Messages of the log whose checksum did not match when they were read.',
    registers,
  })
  const storeUnreadable = new Counter({
    name: 'wott_store_read_errors_total',
    help: 'Reads of the store that failed.',
    registers,
  })
  for (const limit of STORE_LIMITS) storeLimits.inc({ limit }, 0)

  return {
    storeLimitReached: (limit, count) => storeLimits.inc({ limit }, count),
    messagesDamaged: (count) => damaged.inc(count),
    storeUnreadable: () => storeUnreadable.inc(),
  }
}
