import type { DatabaseSync } from 'node:sqlite'
import type { Change } from './changes.ts'
import type { ForwardSelection } from './forward-selection.ts'
import { createLogUsage, type LogUsage } from './log-usage.ts'
import type { LogState, Retention } from './retention.ts'
import { createTopicsKept } from './topics-kept.ts'
import { createTrimDeletions } from './trim-deletions.ts'
import { createTrimReader, ROWS_AT_ONCE } from './trim-rows.ts'
import { createShareTrim } from './trim-shares.ts'

/** Deletes messages from the log that are too old or have no room. */
export interface Trim {
  readonly usage: LogUsage
  state(): LogState
  /** Notes what a commit has stored. */
  stored(changes: readonly Change[]): void
  /** How many messages were deleted before they were forwarded, since the last call. */
  takeUnforwarded(): number
  /** Does a part of the work, within some milliseconds; returns whether more can be done now. */
  step(now: number): boolean
}

/** Younger messages are never trimmed, so that a client that reconnects soon has missed nothing. */
const YOUNGEST_MS = 60_000
/** The time of a step. With its commit, a waiting client is delayed about twice as long. */
const STEP_MS = 1
/** How often the kept messages are checked again. */
const SWEEP_MS = 1_000

/**
 * Trims the log of `db`; nothing else deletes from it. A message that is still to be forwarded is deleted only for lack of
 * room.
 */
export function createTrim(
  db: DatabaseSync,
  retention: Retention,
  forwardSelection: ForwardSelection | null = null,
): Trim {
  const usage = createLogUsage(db)
  const rowsAfter = createTrimReader(db)
  const deletions = createTrimDeletions(db, usage, forwardSelection)
  const trimShares = createShareTrim(rowsAfter, deletions, usage, retention, YOUNGEST_MS)
  const topics = createTopicsKept(retention)
  // the messages left up to this number are kept ones
  let trimmedTo = deletions.goneUpTo().trimmed
  // of these, the current round of checks has reached this number
  let sweptTo = 0
  let lastSweep = 0
  let end = 0
  const isTimeUp = () => performance.now() > end

  function hasRoom(): boolean {
    return deletions.bytes() <= retention.bytes
  }

  /** Deletes the oldest messages while they are too old or too many; returns whether there may be more. */
  function trimOldest(now: number): boolean {
    const rows = rowsAfter(trimmedTo)
    for (const row of rows) {
      if (row.time > now - YOUNGEST_MS) return false
      const isDue = row.time <= now - retention.ageMs && row.number <= deletions.forwardedUpTo()
      if (hasRoom() && !isDue) return false
      if (isTimeUp()) return true
      trimmedTo = row.number
      if (!row.isReferredTo && !topics.keeps(row, now)) deletions.delete(row, 'trimmed')
    }
    return rows.length === ROWS_AT_ONCE
  }

  /** Checks kept messages again; returns whether this round has more of them. */
  function sweep(now: number): boolean {
    const rows = rowsAfter(sweptTo, trimmedTo)
    for (const row of rows) {
      if (isTimeUp()) return true
      sweptTo = row.number
      if (row.isReferredTo || topics.stillKeeps(row, now)) continue
      if (!deletions.isAwaited(row) || !hasRoom()) deletions.delete(row, 'trimmed')
    }
    if (rows.length === ROWS_AT_ONCE) return true
    sweptTo = 0
    topics.endRound()
    return false
  }

  function runPasses(now: number): boolean {
    while (trimOldest(now)) if (isTimeUp()) return true
    while (trimShares(now, trimmedTo, isTimeUp)) if (isTimeUp()) return true
    if (Math.abs(now - lastSweep) < SWEEP_MS) return false
    lastSweep = now
    while (sweep(now) && !isTimeUp());
    return false
  }

  return {
    usage,
    state: () => ({
      ...deletions.goneUpTo(),
      usage: usage.isComplete ? { ...usage.total } : null,
    }),
    stored(changes) {
      usage.stored(changes)
      for (const change of changes)
        if (change[0] === 'meta' && change[1] === 'forwarded')
          deletions.noteForwarded(Number(change[2]))
    },
    takeUnforwarded: deletions.takeUnforwarded,
    step(now) {
      end = performance.now() + STEP_MS
      if (usage.isComplete) return deletions.commit(() => runPasses(now))
      while (!usage.isComplete && !isTimeUp()) usage.count()
      return true
    },
  }
}
