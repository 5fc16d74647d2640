import type { Change, Restore } from './changes.ts'

/** Where the store writes its changes down: in one order, and each group whole or not at all. */
export interface Journal {
  /** Tells everything stored; called once, before the first change. */
  recover(restore: Restore): Promise<void>
  /**
   * Resolves once these changes and all before them are stored; rejects with `broker_unavailable`
   * when none of these is. Without changes: resolves once all before are stored.
   */
  append(changes: readonly Change[]): Promise<void>
  /**
   * Nobody waits for this one: it goes with the next commit or soon, and is tried until it is
   * stored. It takes the place of one with the same key that still waits.
   */
  later(key: string, change: Change): void
  /** Null while changes can be stored, otherwise why not. */
  problem(): string | null
  /** Stores what waits and lets go of the file; may be called again. */
  close(): Promise<void>
}

/** The journal of `memory:`, which writes nothing. */
export function createSilentJournal(): Journal {
  return {
    async recover() {},
    async append() {},
    later() {},
    problem: () => null,
    async close() {},
  }
}
