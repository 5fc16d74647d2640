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
import type { ForwardSelection } from './forward-selection.ts'
import type { LogState } from './retention.ts'

/** A `LogPage` as the database thread sends it: strings are copied to another thread faster than buffers. */
export interface LogRows extends Omit<LogPage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A `TopicPage` as the database thread sends it. */
export interface TopicRows extends Omit<TopicPage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A `LatePage` as the database thread sends it. */
export interface LateRows extends Omit<LatePage, 'deliveries'> {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** A part of the log, and which of its messages are counted. */
export interface CountRange {
  readonly after: number
  readonly upTo: number
  readonly forwardSelection: ForwardSelection
}

/** Stores the changes of the store in order, each group completely or not at all. */
export interface Journal {
  /** Passes everything that is stored to `restore`; called once, before the first change. */
  recover(restore: Restore): Promise<void>
  /**
   * Resolves once these changes and all earlier ones are stored. Rejects with `broker_unavailable` if none of these changes is
   * stored. Without changes, it resolves once all earlier ones are stored.
   */
  append(changes: readonly Change[]): Promise<void>
  /**
   * Stores changes that nobody waits for, soon or with the next commit; if that fails, it is tried again. They replace earlier
   * changes with the same key that are not stored yet.
   */
  later(key: string, ...changes: Change[]): void
  /** The first part of a range of the log, as far as it is stored; so are the results of the next methods. */
  read(range: LogRange): Promise<LogRows>
  /** The first part of the topics: the latest row of each. */
  readTopics(range: TopicRange): Promise<TopicRows>
  /** The first part of the late rows. */
  readLate(range: LateRange): Promise<LateRows>
  /** The place of a time of arrival in the log. */
  split(time: number): Promise<LogSplit>
  /** How many messages of a part of the log are to be forwarded. */
  count(range: CountRange): Promise<number>
  /** The state of the log; null if it is not known yet, or there is no log. */
  logState(): LogState | null
  /** Null if nothing is stored on a disk. */
  readonly admin: StoreAdmin | null
  /** Whether changes survive a restart. */
  readonly isDurable: boolean
  /** Why changes cannot be stored now; null if they can. */
  outage(): string | null
  /** Stores all pending changes, and closes the file. May be called again. */
  close(): Promise<void>
}

/** The journal of a broker in memory, which stores nothing. */
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
