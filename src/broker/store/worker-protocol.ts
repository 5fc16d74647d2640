import type { LateRange, LogRange, TopicRange } from '../broker.ts'
import type { Change, RestoredName } from './changes.ts'
import type { ForwardSelection } from './forward-selection.ts'
import type { CountRange } from './journal.ts'
import type { LogState, Retention } from './retention.ts'
import type { SqliteOptions } from './sqlite-file.ts'
import type { TakenOver } from './sqlite-upgrade.ts'

/** The first message to the thread: the database to open. */
export interface WorkerData extends SqliteOptions {
  readonly directory: string
  readonly retention: Retention
  readonly forwardSelection: ForwardSelection | null
}

/**
 * A request to the thread. `recover`, `close` and commits are sent one at a time, each after the `done` of the one before;
 * tasks can be sent at any time.
 */
export type WorkerRequest = 'recover' | 'close' | readonly Change[] | Task

/** A read, or other work that stores nothing; the reply has the same `task` number. */
export type Task =
  | { readonly task: number; readonly name: 'read'; readonly range: LogRange }
  | { readonly task: number; readonly name: 'readTopics'; readonly range: TopicRange }
  | { readonly task: number; readonly name: 'readLate'; readonly range: LateRange }
  | { readonly task: number; readonly name: 'split'; readonly time: number }
  | { readonly task: number; readonly name: 'count'; readonly range: CountRange }
  | { readonly task: number; readonly name: 'info' }
  | { readonly task: number; readonly name: 'backup'; readonly file: string }

/** A reply of the thread. The first `done` is for opening the database, each later one for a request. */
export type WorkerReply =
  | { readonly task: number; readonly result: unknown }
  | { readonly task: number; readonly message: string }
  | { readonly name: RestoredName; readonly rows: readonly unknown[][] }
  /** The state of the log; sent before any page that lacks trimmed messages. */
  | { readonly log: LogState }
  /** An older store was upgraded; sent before the first `done`. */
  | { readonly takenOver: TakenOver }
  /** How many messages were deleted before they were forwarded. */
  | { readonly unforwarded: number }
  /** Why a read that no request waits for failed. */
  | { readonly unreadable: string }
  | { readonly done: true; readonly error?: { readonly usage: boolean; readonly message: string } }
