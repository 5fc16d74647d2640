import type { Ledger } from '../../budget/ledger.ts'
import type { Journal } from './journal.ts'
import type { Limits, OnBound, OnDamage } from './limits.ts'

/** What every part of the store uses. */
export interface StoreContext {
  readonly journal: Journal
  readonly limits: Limits
  readonly onBound: OnBound
  /** Counts what is in memory for each device. */
  readonly memory: Ledger
  readonly onDamage: OnDamage
  /** Milliseconds by the store's clock. */
  now(): number
  readonly ids: Ids
}

/** Numbers that only grow, also across restarts: order in the store is theirs. */
export interface Ids {
  next(): number
  /** The first of so many, one after the other. */
  take(count: number): number
  /** Later numbers are greater than this one. */
  passed(id: number): void
}

export function createIds(): Ids {
  let last = 0
  return {
    next: () => ++last,
    take(count) {
      last += count
      return last - count + 1
    },
    passed: (id) => {
      last = Math.max(last, id)
    },
  }
}
