import type {
  LatePage,
  LateRange,
  LogPage,
  LogRange,
  LogSplit,
  TopicPage,
  TopicRange,
} from '../broker.ts'
import type { StoreAdmin } from './admin.ts'
import type { Change, Changes, Restore } from './changes.ts'
import type { Forwarded } from './forwarding.ts'
import type { LogState } from './retention.ts'

/** A `LogPage` as it comes from the thread of the disk: a page of buffers would take milliseconds to arrive, text does not. */
export interface LogRows extends Omit<LogPage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A `TopicPage`, likewise. */
export interface TopicRows extends Omit<TopicPage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A `LatePage`, likewise. */
export interface LateRows extends Omit<LatePage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A part of the log, and which of its messages count. */
export interface CountRange {
  readonly after: number
  readonly upTo: number
  readonly forwarded: Forwarded
}

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
   * Nobody waits for these: they go with the next commit or soon, and are tried until they are
   * stored. They take the place of those with the same key that still wait.
   */
  later(key: string, ...changes: Change[]): void
  /** The first part of a range of the log. Sees what is stored. */
  read(range: LogRange): Promise<LogRows>
  /** The first part of the topics: the latest row of each. Sees what is stored. */
  readTopics(range: TopicRange): Promise<TopicRows>
  /** The first part of the late rows. Sees what is stored. */
  readLate(range: LateRange): Promise<LateRows>
  /** Where a time falls in the log. Sees what is stored. */
  split(time: number): Promise<LogSplit>
  /** How many messages of a part of the log are to be passed on. Sees what is stored. */
  count(range: CountRange): Promise<number>
  /** What the log holds and what is gone from it; null where that is not known yet, and without a log. */
  logState(): LogState | null
  /** Null without a disk. */
  readonly admin: StoreAdmin | null
  /** Whether anything of it is there after a restart. */
  readonly isDurable: boolean
  /** Null while changes can be stored, otherwise why not. */
  outage(): string | null
  /** Stores what waits and lets go of the file; may be called again. */
  close(): Promise<void>
}

/** The journal of `memory:`, which writes nothing. */
export function createSilentJournal(): Journal {
  return {
    async recover() {},
    async append() {},
    later() {},
    read: async ({ after, upTo, newestFirst }) => ({
      rows: [],
      damaged: [],
      looked: 0,
      reached: newestFirst ? after : upTo,
    }),
    readTopics: async () => ({ rows: [], damaged: [], looked: 0, reached: null }),
    readLate: async () => ({ rows: [], damaged: [], looked: 0, reached: null }),
    split: async () => ({ before: 0, from: null }),
    count: async () => 0,
    logState: () => null,
    admin: null,
    isDurable: false,
    outage: () => null,
    async close() {},
  }
}
