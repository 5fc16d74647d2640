import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError, messageOf } from '../../errors.ts'
import type { LateRange, LogRange, LogSplit, TopicRange } from '../broker.ts'
import type { StoreAdmin } from './admin.ts'
import type { Change, Restore } from './changes.ts'
import { createGathering } from './gathering.ts'
import type { CountRange, Journal, LateRows, LogRows, TopicRows } from './journal.ts'
import type { LogState } from './retention.ts'

/** Stores changes. One commit at a time; each stores all its changes or, when it rejects, none of them. */
export interface Disk {
  recover(restore: Restore): Promise<void>
  commit(changes: readonly Change[]): Promise<void>
  read(range: LogRange): Promise<LogRows>
  readTopics(range: TopicRange): Promise<TopicRows>
  readLate(range: LateRange): Promise<LateRows>
  split(time: number): Promise<LogSplit>
  count(range: CountRange): Promise<number>
  /** The state of the log, if it is trimmed. */
  logState?(): LogState | null
  readonly admin?: StoreAdmin
  close(): Promise<void>
}

export type OnOutage = (reason: string | null) => void
/** Called with the reason when something that is stored cannot be read. */
export type OnUnreadable = (reason: string) => void

interface Group {
  readonly changes: readonly Change[]
  /** Who waits for the group. A group that nobody waits for is tried again until it is stored. */
  readonly waiter?: { resolve(): void; reject(error: Error): void }
}

/** How long changes that nobody waits for are collected: later ones may replace them, which spares SD cards writes. */
const LATER_MS = 100
const RETRY_MS = 1_000
/** Limits the time that copying changes to another thread takes to some milliseconds. */
const CHANGES_AT_ONCE = 4_096

/**
 * A journal that commits in groups: changes that come during a commit go into the next one. `onOutage` is called with the reason
 * when nothing can be stored any more, and with null when it can again. When the disk cannot be read, reads reject with
 * `broker_unavailable`, and `onUnreadable` is called.
 */
export function createGroupCommit(
  disk: Disk,
  onOutage: OnOutage = () => {},
  onUnreadable: OnUnreadable = () => {},
): Journal {
  let waiting = new Map<unknown, Group>()
  let waiters = 0
  const gathering = createGathering()
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined
  let outage: string | null = null

  function append(changes: readonly Change[]): Promise<void> {
    if (closing) return Promise.reject(unavailable('it is closed'))
    if (changes.length === 0 && waiting.size === 0 && !running) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const group = { changes, waiter: { resolve, reject } }
      waiting.set(group, group)
      waiters += 1
      gathering.came(waiters)
      start()
    })
  }

  function later(key: string, ...changes: Change[]): void {
    waiting.set(key, { changes })
    startLater()
  }

  function start(): void {
    if (closing) return
    running ??= run()
  }

  function startLater(): void {
    if (closing || running) return
    timer ??= setTimeout(start, outage ? RETRY_MS : LATER_MS).unref()
  }

  async function run(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    do {
      // other changes of this turn of the event loop go into the same commit
      await nextTurn()
      await gathering.wait(waiters)
      const before = waiters
      await commit()
      gathering.committed(before + waiters)
    } while (waiters > 0 && !closing)
    running = undefined
    if (waiting.size > 0) startLater()
  }

  /** Commits what waits, or the first part of it; false when it could not be stored. */
  async function commit(): Promise<boolean> {
    const batch = take()
    const changes = batch.flatMap(([, group]) => group.changes)
    try {
      if (changes.length > 0) {
        await disk.commit(changes)
        noteOutage(null)
      }
    } catch (error) {
      noteOutage(messageOf(error))
      giveBack(batch, error)
      return false
    }
    for (const [, { waiter }] of batch) waiter?.resolve()
    return true
  }

  function noteOutage(reason: string | null): void {
    const changed = (reason === null) !== (outage === null)
    outage = reason
    if (changed) onOutage(reason)
  }

  function take(): [unknown, Group][] {
    const batch: [unknown, Group][] = []
    const rest = new Map<unknown, Group>()
    let size = 0
    for (const [key, group] of waiting) {
      if (size >= CHANGES_AT_ONCE) rest.set(key, group)
      else batch.push([key, group])
      size += group.changes.length
    }
    waiting = rest
    for (const [, { waiter }] of batch) if (waiter) waiters -= 1
    return batch
  }

  function giveBack(batch: [unknown, Group][], error: unknown): void {
    const unawaited = batch.filter(([, { waiter }]) => {
      waiter?.reject(unavailable(messageOf(error), error))
      return !waiter
    })
    // in front again, unless a later change has replaced them
    waiting = new Map<unknown, Group>([...unawaited, ...waiting])
    // a change to try whether the disk works again
    if (waiting.size === 0 && !closing) later('probe', ['probe', Date.now()])
  }

  async function close(): Promise<void> {
    clearTimeout(timer)
    await running
    while (waiting.size > 0 && (await commit()));
    for (const { waiter } of waiting.values()) waiter?.reject(unavailable('it is closed'))
    await disk.close()
  }

  /** Reads from the disk. The caller is not told why it failed. */
  function reading<Asked, Found>(
    read: (asked: Asked) => Promise<Found>,
  ): (asked: Asked) => Promise<Found> {
    return (asked) =>
      read(asked).catch((cause) => {
        onUnreadable(messageOf(cause))
        throw new GatewayError('broker_unavailable', 'The broker cannot read what it has stored.', {
          cause,
          retryAfter: 1,
        })
      })
  }

  return {
    recover: (restore) => disk.recover(restore),
    append,
    later,
    read: reading(disk.read),
    admin: disk.admin ?? null,
    logState: () => disk.logState?.() ?? null,
    readTopics: reading(disk.readTopics),
    readLate: reading(disk.readLate),
    split: reading(disk.split),
    count: reading(disk.count),
    isDurable: true,
    outage: () => outage,
    close() {
      closing ??= close()
      return closing
    },
  }
}

function unavailable(why: string, cause?: unknown): GatewayError {
  return new GatewayError('broker_unavailable', `the store cannot be written: ${why}`, {
    cause,
    retryAfter: 1,
  })
}
