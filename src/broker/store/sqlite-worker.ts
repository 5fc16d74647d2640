import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { messageOf, UsageError } from '../../errors.ts'
import type { LateRange, LogRange, TopicRange } from '../broker.ts'
import type { Change, Changes, LogRow, RestoredName } from './changes.ts'
import { type CheckedRow, checksumOf, soundRow } from './checksum.ts'
import type { Forwarded } from './forwarding.ts'
import type { CountRange } from './journal.ts'
import type { LogState, Retention } from './retention.ts'
import { copyDatabase } from './sqlite-backup.ts'
import { countForwarded } from './sqlite-count.ts'
import {
  asUsageError,
  commitForGood,
  inTransaction,
  isDamage,
  openSqliteFile,
  type SqliteOptions,
} from './sqlite-file.ts'
import { readStoreInfo } from './sqlite-info.ts'
import { createLateReader } from './sqlite-late.ts'
import { createLogSplitter, createSqliteLogReader, createTopicReader } from './sqlite-log.ts'
import { keepPosition } from './sqlite-position.ts'
import { CLEAN_UP, READ, WRITE } from './sqlite-statements.ts'
import { createTrim } from './sqlite-trim.ts'
import type { TakenOver } from './sqlite-upgrade.ts'

export interface WorkerData extends SqliteOptions {
  readonly directory: string
  readonly retention: Retention
  readonly forwarded: Forwarded | null
}

/** What is asked of this thread: one thing at a time, which is everything stored, a commit, or to end; and tasks beside. */
export type WorkerRequest = 'recover' | 'close' | readonly Change[] | Task

/** What comes back with the answer in `task`. */
export type Task =
  | { readonly task: number; readonly name: 'read'; readonly range: LogRange }
  | { readonly task: number; readonly name: 'readTopics'; readonly range: TopicRange }
  | { readonly task: number; readonly name: 'readLate'; readonly range: LateRange }
  | { readonly task: number; readonly name: 'split'; readonly time: number }
  | { readonly task: number; readonly name: 'count'; readonly range: CountRange }
  | { readonly task: number; readonly name: 'info' }
  | { readonly task: number; readonly name: 'backup'; readonly file: string }

/** Rows, and more to come; or done, with what went wrong. The first `done` answers the opening. */
export type WorkerReply =
  | { readonly task: number; readonly result: unknown }
  | { readonly task: number; readonly message: string }
  | { readonly name: RestoredName; readonly rows: readonly unknown[][] }
  /** How it is now; comes before any page that lacks what was trimmed. */
  | { readonly log: LogState }
  /** Comes before the first `done`. */
  | { readonly takenOver: TakenOver }
  /** How many messages were deleted that had not been passed on. */
  | { readonly unforwarded: number }
  /** Why what nobody waits for cannot be read. */
  | { readonly unreadable: string }
  | { readonly done: true; readonly error?: { readonly usage: boolean; readonly message: string } }

/** How much nicer the other threads are: on a core that they keep busy this one would wait for its turn in each commit. */
const AHEAD = 5
const FIRST = -20
const ROWS_AT_ONCE = 1_000
const CHORES_MS = 1_000
/** Between two steps of trimming, for commits to come in between; the second where more comes than goes. */
const TRIM_PAUSE_MS = 100
const SHORT_PAUSE_MS = 1
/** Free pages that are kept, and pages given back at a time: 4 MiB, some milliseconds. */
const SPARE_PAGES = 1_024

function open(port: MessagePort, options: WorkerData): void {
  const { db, file, takenOver } = openSqliteFile(options.directory, options)
  if (takenOver) port.postMessage({ takenOver } satisfies WorkerReply)
  const write = new Map<string, StatementSync>()
  for (const [name, sql] of Object.entries(WRITE)) write.set(name, db.prepare(sql))
  const read = createSqliteLogReader(db)
  const readTopics = createTopicReader(db)
  const readLate = createLateReader(db)
  const split = createLogSplitter(db)
  const trim = reading(() => createTrim(db, options.retention, options.forwarded))
  const position = keepPosition(db, options.directory, file, options.fsync)
  const clock = createHeardClock()
  const closing = new AbortController()
  let copying: Promise<void> | undefined

  /** What cannot be read is reported as what the operator can do about it. */
  function reading<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw asUsageError(error, file)
    }
  }

  function recover(): void {
    reading(() => {
      // all is read before anything is written: a damaged file is left as it is
      const damaged = READ.flatMap(([name, sql]) => tell(name, db.prepare(sql)))
      if (damaged.length > 0) throw new UsageError(damageIn(file, damaged))
      db.exec(`BEGIN; ${CLEAN_UP} COMMIT`)
    })
  }

  /** Returns the numbers of messages that are damaged. */
  function tell(name: RestoredName, statement: StatementSync): number[] {
    statement.setReturnArrays(true)
    const isMessage = name === 'message' || name === 'retain'
    const damaged: number[] = []
    let rows: unknown[][] = []
    for (const found of statement.iterate() as Iterable<unknown>) {
      const row = isMessage ? soundRow(found as CheckedRow) : (found as unknown[])
      if (row) rows.push(row)
      else damaged.push((found as CheckedRow)[0])
      if (rows.length === ROWS_AT_ONCE) {
        port.postMessage({ name, rows } satisfies WorkerReply)
        rows = []
      }
    }
    port.postMessage({ name, rows } satisfies WorkerReply)
    return damaged
  }

  function commit(changes: readonly Change[]): void {
    for (const change of changes) if (isTime(change)) clock.set(Number(change[2]))
    const time = clock.now()
    const writeAll = () => {
      for (const [name, ...columns] of changes)
        write.get(name)?.run(...toInput(name, columns, time))
    }
    try {
      // numbers are given once this is stored, and a power cut must not make them be given again
      if (changes.some(isMark)) commitForGood(db, writeAll)
      else inTransaction(db, writeAll)
      trim.stored(changes)
    } catch (error) {
      attempt(position.failed)
      throw error
    }
    // it is stored, whatever becomes of the note of it
    attempt(() => position.stored(changes))
  }

  function flush(): void {
    const wal = openSync(`${file}-wal`, 'r+')
    fdatasyncSync(wal)
    closeSync(wal)
  }

  function flushStored(): void {
    if (!position.isBehind()) return
    flush()
    position.flushed()
  }

  function doChores(): void {
    flushStored()
    const free = Number(db.prepare('PRAGMA freelist_count').get()?.freelist_count)
    if (free > SPARE_PAGES) db.prepare(`PRAGMA incremental_vacuum(${SPARE_PAGES})`).all()
  }

  function trimLog(): void {
    if (!clock.isSet()) return
    const isMore = trim.step(clock.now())
    port.postMessage({ log: trim.state() } satisfies WorkerReply)
    const unforwarded = trim.takeUnforwarded()
    if (unforwarded > 0) port.postMessage({ unforwarded } satisfies WorkerReply)
    const { entries } = trim.usage.total
    const pause = entries > lastEntries ? SHORT_PAUSE_MS : TRIM_PAUSE_MS
    lastEntries = entries
    if (isMore) trimming = setTimeout(attemptTrim, pause).unref()
  }

  /** What goes wrong with the disk does so again in the next commit, where somebody waits for it; but not a damaged page. */
  function attemptTrim(): void {
    const error = attempt(trimLog)
    if (error && isDamage(error))
      port.postMessage({ unreadable: error.message } satisfies WorkerReply)
  }

  async function answerTask(task: Task): Promise<void> {
    try {
      const result = await run(task)
      port.postMessage({ task: task.task, result } satisfies WorkerReply)
    } catch (error) {
      port.postMessage({ task: task.task, message: messageOf(error) } satisfies WorkerReply)
    }
  }

  function run(task: Task): unknown {
    switch (task.name) {
      case 'read':
        return read(task.range)
      case 'readTopics':
        return readTopics(task.range)
      case 'readLate':
        return readLate(task.range)
      case 'split':
        return split(task.time)
      case 'count':
        return countForwarded(db, task.range)
      case 'info':
        return readStoreInfo(db, trim.usage)
      case 'backup':
        return copy(task.file)
    }
  }

  function copy(file: string): Promise<void> {
    if (copying) throw new Error('a copy of the store is being made already')
    copying = copyDatabase(db, file, closing.signal).finally(() => {
      copying = undefined
    })
    return copying
  }

  async function close(): Promise<void> {
    clearInterval(chores)
    clearTimeout(trimming)
    closing.abort(new Error('the gateway is stopping'))
    await copying?.catch(() => {})
    attempt(flushStored)
    attempt(position.closing)
    if (!attempt(() => db.close())) attempt(position.closed)
    port.close()
  }

  let trimming: NodeJS.Timeout | undefined
  let lastEntries = 0
  const chores = setInterval(() => {
    attempt(doChores)
    clearTimeout(trimming)
    attemptTrim()
  }, CHORES_MS).unref()
  port.on('message', (request: WorkerRequest) => {
    if (request === 'close') void close()
    else if (typeof request === 'object' && 'task' in request) void answerTask(request)
    else answer(port, () => (request === 'recover' ? recover() : commit(request)))
  })
}

/** The clock of the store, as the other thread tells it now and then. */
function createHeardClock() {
  let offset: number | null = null
  return {
    isSet: () => offset !== null,
    set(time: number): void {
      offset = time - performance.now()
    },
    now: () => Math.floor((offset ?? performance.timeOrigin) + performance.now()),
  }
}

function isTime(change: Change): change is readonly ['meta', 'time', string] {
  return change[0] === 'meta' && change[1] === 'time'
}

function isMark([name, key]: Change): boolean {
  return name === 'meta' && key === 'mark'
}

/** An appended message with its payload as the bytes that its characters stand for, its checksum and its time. */
export function toInput(
  name: string,
  columns: readonly unknown[],
  stored: number,
): SQLInputValue[] {
  if (name !== 'append') return columns as SQLInputValue[]
  const [number, topic, characters, ...rest] = columns as Changes['append']
  const row: LogRow = [number, topic, Buffer.from(characters, 'latin1'), ...rest]
  return [...row, checksumOf(row), stored]
}

const LISTED = 10

function damageIn(file: string, numbers: readonly number[]): string {
  const more = numbers.length > LISTED ? ` and ${numbers.length - LISTED} more` : ''
  const which = `${numbers.slice(0, LISTED).join(', ')}${more}`
  return `${file} is damaged: the checksums of messages that are retained or wait for a session do not match (numbers ${which}); wott-gateway store repair leaves them out and keeps the rest, or put a backup in its place`
}

function answer(port: MessagePort, work: () => void): void {
  const error = attempt(work)
  const reply: WorkerReply = error
    ? { done: true, error: { usage: error instanceof UsageError, message: error.message } }
    : { done: true }
  port.postMessage(reply)
}

function attempt(work: () => void): Error | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Where the system lets it; the others' priority stays as it is. */
function goFirst(): void {
  // elsewhere it would be that of the process
  if (process.platform === 'linux')
    attempt(() => setPriority(Math.max(FIRST, getPriority() - AHEAD)))
}

if (parentPort) {
  const port = parentPort
  goFirst()
  answer(port, () => open(port, workerData))
}
