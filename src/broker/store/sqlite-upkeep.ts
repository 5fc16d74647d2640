import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { attempt } from './attempt.ts'
import { isDamage } from './sqlite-file.ts'
import type { PositionKeeper } from './sqlite-position.ts'
import type { Trim } from './sqlite-trim.ts'
import type { ThreadClock } from './thread-clock.ts'
import type { WorkerReply } from './worker-protocol.ts'

const UPKEEP_MS = 1_000
/**
 * The pauses between two steps of trimming, for commits; the second one is used while the log grows faster than it is trimmed.
 */
const TRIM_PAUSE_MS = 100
const SHORT_PAUSE_MS = 1
/** Free pages that are kept, and the most that are given back at a time: 4 MiB, some milliseconds. */
const SPARE_PAGES = 1_024

/** The work of the database thread every second: it flushes, gives free pages back to the disk, and trims the log. */
export function startUpkeep(
  { db, file }: { readonly db: DatabaseSync; readonly file: string },
  position: PositionKeeper,
  trim: Trim,
  clock: ThreadClock,
  send: (reply: WorkerReply) => void,
) {
  let trimming: NodeJS.Timeout | undefined
  let lastEntries = 0

  function flushStored(): void {
    if (!position.isBehind()) return
    const wal = openSync(`${file}-wal`, 'r+')
    fdatasyncSync(wal)
    closeSync(wal)
    position.flushed()
  }

  function freePages(): void {
    const free = Number(db.prepare('PRAGMA freelist_count').get()?.freelist_count)
    if (free > SPARE_PAGES) db.prepare(`PRAGMA incremental_vacuum(${SPARE_PAGES})`).all()
  }

  function trimLog(): void {
    if (!clock.isSet()) return
    const isMore = trim.step(clock.now())
    send({ log: trim.state() })
    const unforwarded = trim.takeUnforwarded()
    if (unforwarded > 0) send({ unforwarded })
    const { entries } = trim.usage.total
    const pause = entries > lastEntries ? SHORT_PAUSE_MS : TRIM_PAUSE_MS
    lastEntries = entries
    if (isMore) trimming = setTimeout(attemptTrim, pause).unref()
  }

  /** Reports a damaged page. Any other disk error also fails the next commit, where a client waits for it. */
  function attemptTrim(): void {
    const error = attempt(trimLog)
    if (error && isDamage(error)) send({ unreadable: error.message })
  }

  const timer = setInterval(() => {
    attempt(() => {
      flushStored()
      freePages()
    })
    clearTimeout(trimming)
    attemptTrim()
  }, UPKEEP_MS).unref()

  return {
    flushStored,
    stop(): void {
      clearInterval(timer)
      clearTimeout(trimming)
    },
  }
}
