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
import type { Forwarded } from './forwarded.ts'
import type { LogState } from './retention.ts'

/** A `LogPage` as the database thread sends it: text is copied to this thread in less time than buffers. */
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

/** Stores the changes of the store in order, each group completely or not at all. */
export interface Journal {
  /** Passes everything that is stored to `restore`; called once, before the first change. */
  recover(restore: Restore): Promise<void>
  /**
   * Resolves once these changes and all before them are stored; rejects with `broker_unavailable`
   * when none of these is. Without changes: resolves once all before are stored.
   */
  append(changes: readonly Change[]): Promise<void>
  /**
   * Stores changes that nobody waits for, with the next commit or soon, and tries until they are stored. They replace earlier
   * changes with the same key that are not stored yet.
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
  /** Whether changes survive a restart. */
  readonly isDurable: boolean
  /** Why changes cannot be stored now; null when they can. */
  outage(): string | null
  /** Stores the changes that wait, and closes the file. May be called again. */
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
      scanned: 0,
      reached: newestFirst ? after : upTo,
    }),
    readTopics: async () => ({ rows: [], damaged: [], scanned: 0, reached: null }),
    readLate: async () => ({ rows: [], damaged: [], scanned: 0, reached: null }),
    split: async () => ({ before: 0, from: null }),
    count: async () => 0,
    logState: () => null,
    admin: null,
    isDurable: false,
    outage: () => null,
    async close() {},
  }
}
