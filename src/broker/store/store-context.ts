import type { Ledger } from '../../budget/ledger.ts'
import type { Journal } from './journal.ts'
import type { Limits, OnBound, OnDamage } from './limits.ts'

/** What all parts of the store share. */
export interface StoreContext {
  readonly journal: Journal
  readonly limits: Limits
  readonly onBound: OnBound
  /** Counts the memory of each device. */
  readonly memory: Ledger
  readonly onDamage: OnDamage
  /** Milliseconds by the store's clock. */
  now(): number
  readonly ids: Ids
}

/** Numbers that only increase, even across restarts; they give the order in the store. */
export interface Ids {
  next(): number
  /** Takes `count` consecutive numbers, and returns the first. */
  take(count: number): number
  /** All further numbers are greater than `id`. */
  skipPast(id: number): void
}

/** Starts at 1, until `skipPast` is told what the store has. */
export function createIds(): Ids {
  let last = 0
  return {
    next: () => ++last,
    take(count) {
      last += count
      return last - count + 1
    },
    skipPast: (id) => {
      last = Math.max(last, id)
    },
  }
}
