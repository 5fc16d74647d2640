import type { DatabaseSync } from 'node:sqlite'
import { messageOf, UsageError } from '../../errors.ts'
import type { Change } from './changes.ts'
import { highestNumber } from './losses.ts'
import { openPosition, type PositionFile, positionFile, readPosition } from './position.ts'
import type { Fsync } from './sqlite-file.ts'
import { findWalEnd, type WalEnd } from './wal.ts'

/** How often to look for the end of the write-ahead log, which takes 0.1 ms. */
const CHECK_MS = 50

/** Keeps the position file of a store: it only records what is certainly on the disk. */
export interface PositionKeeper {
  /** A commit was done. */
  stored(changes: readonly Change[]): void
  /** A commit failed: its frames in the write-ahead log will be overwritten. */
  failed(): void
  /** Whether there are commits that can be recorded once they are flushed. */
  isBehind(): boolean
  /** All commits so far were flushed. */
  flushed(): void
  /** Nothing more is stored; the database is about to merge its write-ahead log and delete it. */
  closing(): void
  closed(): void
}

/**
 * With `always`, the number of each commit is written at once, without a flush of its own, and soon the end of the write-ahead
 * log; with `interval`, both after each flush; with `never`, only the number, when the store is closed.
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
  /** The generation of the write-ahead log that contains frames of a failed commit. */
  let unusableSalt: string | null = null
  let isBehind = false
  let nextCheck = 0

  function write(upTo: number): void {
    number = upTo
    position.write({ number, wal })
  }

  function findEnd(): WalEnd | null {
    const end = findWalEnd(`${file}-wal`)
    return end?.salt === unusableSalt ? null : end
  }

  // without flushes its pages may reach the disk in any order, so its end proves nothing
  if (fsync === 'never' && before?.wal) closing()

  function closing(): void {
    wal = null
    write(number)
    position.flush()
  }

  return {
    stored(changes) {
      isBehind = fsync !== 'never'
      for (const change of changes) if (change[0] === 'append') stored = Math.max(stored, change[1])
      if (fsync !== 'always') return
      const now = performance.now()
      if (now >= nextCheck) {
        nextCheck = now + CHECK_MS
        wal = findEnd()
        write(stored)
      } else if (stored > number) write(stored)
    },
    failed() {
      unusableSalt = findWalEnd(`${file}-wal`)?.salt ?? null
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
