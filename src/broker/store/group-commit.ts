import { setImmediate as nextTurn } from 'node:timers/promises'
import { GatewayError, messageOf } from '../../errors.ts'
import type { LateRange, LogRange, LogSplit, TopicRange } from '../broker.ts'
import type { StoreAdmin } from './admin.ts'
import type { Change, Restore } from './changes.ts'
import { type CommitGroup, changesIn, createCommitGroups } from './commit-groups.ts'
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

/** How long changes that nobody waits for are collected: later ones may replace them, which spares SD cards writes. */
const LATER_MS = 100
const RETRY_MS = 1_000

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
  const groups = createCommitGroups()
  const gathering = createGathering()
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined
  let outage: string | null = null

  function append(changes: readonly Change[]): Promise<void> {
    if (closing) return Promise.reject(unavailable('it is closed'))
    if (changes.length === 0 && groups.isEmpty() && !running) return Promise.resolve()
    const { stored } = groups.append(changes)
    gathering.came(groups.waiters())
    start()
    return stored.promise
  }

  function later(key: string, ...changes: Change[]): void {
    groups.later(key, changes)
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
      await gathering.wait(groups.waiters())
      const before = groups.waiters()
      await commit()
      gathering.committed(before + groups.waiters())
    } while (groups.waiters() > 0 && !closing)
    running = undefined
    if (!groups.isEmpty()) startLater()
  }

  /** Commits the first group; false when it could not be stored. */
  async function commit(): Promise<boolean> {
    const group = groups.take()
    const changes = changesIn(group)
    try {
      if (changes.length > 0) {
        await disk.commit(changes)
        noteOutage(null)
      }
    } catch (error) {
      noteOutage(messageOf(error))
      refuse(group, unavailable(messageOf(error), error))
      groups.giveBack(group)
      // a change to try whether the disk works again
      if (groups.isEmpty() && !closing) later('probe', ['probe', Date.now()])
      return false
    }
    group.stored.resolve()
    return true
  }

  function noteOutage(reason: string | null): void {
    const changed = (reason === null) !== (outage === null)
    outage = reason
    if (changed) onOutage(reason)
  }

  async function close(): Promise<void> {
    clearTimeout(timer)
    await running
    while (!groups.isEmpty() && (await commit()));
    while (!groups.isEmpty()) refuse(groups.take(), unavailable('it is closed'))
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

/** A rejection that nobody waits for would end the process. */
function refuse({ waiters, stored }: CommitGroup, reason: GatewayError): void {
  if (waiters > 0) stored.reject(reason)
}

function unavailable(why: string, cause?: unknown): GatewayError {
  return new GatewayError('broker_unavailable', `the store cannot be written: ${why}`, {
    cause,
    retryAfter: 1,
  })
}
