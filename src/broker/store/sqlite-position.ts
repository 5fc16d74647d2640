import type { DatabaseSync } from 'node:sqlite'
import { messageOf, UsageError } from '../../errors.ts'
import type { Change } from './changes.ts'
import { highestNumber } from './losses.ts'
import { openPosition, type PositionFile, positionFile, readPosition } from './position.ts'
import type { Fsync } from './sqlite-file.ts'
import { findWalEnd, type WalEnd } from './wal.ts'

/** How often to look where the write-ahead log ends, which takes 0.1 ms. */
const LOOK_MS = 50

/** Keeps the position of a store: only what is on the disk for sure is written into it. */
export interface PositionKeeper {
  /** A commit was done. */
  stored(changes: readonly Change[]): void
  /** A commit failed: what it left in the write-ahead log will be overwritten. */
  failed(): void
  /** Whether commits were done that may be noted once they are flushed. */
  isBehind(): boolean
  /** All that was committed up to now was flushed. */
  flushed(): void
  /** Nothing more is stored, and the database is about to take its write-ahead log in and to delete it. */
  closing(): void
  closed(): void
}

/**
 * With `always` the number of each commit is written at once, without a flush of its own, and soon what the write-ahead log
 * holds; with `interval` both after each flush; with `never` the number when the store is closed.
 */
export function keepPosition(
  db: DatabaseSync,
  directory: string,
  file: string,
  fsync: Fsync,
): PositionKeeper {
  const before = readPosition(directory)
  const position = openForUse(directory)
  let stored = highestNumber(db)
  let number = before?.number ?? 0
  let wal = fsync === 'never' ? null : (before?.wal ?? null)
  /** The generation of the write-ahead log that has frames of a failed commit in it. */
  let spoilt: string | null = null
  let isBehind = false
  let nextLook = 0

  function write(upTo: number): void {
    number = upTo
    position.write({ number, wal })
  }

  function findEnd(): WalEnd | null {
    const end = findWalEnd(`${file}-wal`)
    return end?.salt === spoilt ? null : end
  }

  // without flushes it may lose its order, and cannot be relied on
  if (fsync === 'never' && before?.wal) closing()

  function closing(): void {
    wal = null
    write(number)
    position.flush()
  }

  return {
    stored(changes) {
      isBehind = fsync !== 'never'
      for (const [name, value] of changes)
        if (name === 'append') stored = Math.max(stored, value as number)
      if (fsync !== 'always') return
      const now = performance.now()
      if (now >= nextLook) {
        nextLook = now + LOOK_MS
        wal = findEnd()
        write(stored)
      } else if (stored > number) write(stored)
    },
    failed() {
      spoilt = findWalEnd(`${file}-wal`)?.salt ?? null
      wal = null
      write(number)
    },
    isBehind: () => isBehind,
    flushed() {
      isBehind = false
      wal = findEnd()
      write(stored)
      position.flushLater()
    },
    closing,
    closed() {
      write(stored)
      if (fsync !== 'never') position.flush()
      position.close()
    },
  }
}

function openForUse(directory: string): PositionFile {
  try {
    return openPosition(directory)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${positionFile(directory)} cannot be opened: ${messageOf(error)}`)
  }
}
