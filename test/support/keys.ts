import { DEFAULT_LIMITS } from '../../src/broker/store/defaults.ts'
import { createSilentJournal, type Journal } from '../../src/broker/store/journal.ts'
import { createKeys } from '../../src/broker/store/keys.ts'
import type { Limits, OnBound } from '../../src/broker/store/limits.ts'
import { createIds } from '../../src/broker/store/store-context.ts'
import { createUnlimitedLedger } from '../../src/budget/ledger.ts'

export interface KeyOptions {
  readonly limits?: Partial<Limits>
  readonly now?: () => number
  readonly onBound?: OnBound
  readonly journal?: Journal
}

/** The idempotency keys of a store, without the rest of the store. */
export function openKeys({
  limits,
  now = Date.now,
  onBound = () => {},
  journal = createSilentJournal(),
}: KeyOptions = {}) {
  return createKeys({
    journal,
    onBound,
    now,
    ids: createIds(),
    memory: createUnlimitedLedger(),
    onDamage() {},
    limits: { ...DEFAULT_LIMITS, ...limits },
  })
}
