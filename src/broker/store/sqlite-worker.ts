import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { UsageError } from '../../errors.ts'
import type { Change, RestoredName } from './changes.ts'
import { asUsageError, openSqliteFile, type SqliteOptions } from './sqlite-file.ts'
import { CLEAN_UP, READ, WRITE } from './sqlite-statements.ts'

export interface WorkerData extends SqliteOptions {
  readonly directory: string
}

/** What is asked of this thread, one thing at a time: everything stored, a commit, or to end. */
export type Request = 'recover' | 'close' | readonly Change[]

/** Rows, and more to come; or done, with what went wrong. The first one answers the opening. */
export type Reply =
  | { readonly name: RestoredName; readonly rows: readonly unknown[][] }
  | { readonly done: true; readonly error?: { readonly usage: boolean; readonly message: string } }

const ROWS_AT_ONCE = 1_000
const CHORES_MS = 1_000
/** Free pages that are kept, and pages given back at a time: 4 MiB, some milliseconds. */
const SPARE_PAGES = 1_024

function open(port: MessagePort, options: WorkerData): void {
  const { db, file } = openSqliteFile(options.directory, options)
  const write = new Map<string, StatementSync>()
  for (const [name, sql] of Object.entries(WRITE)) write.set(name, db.prepare(sql))
  let unsynced = false

  function recover(): void {
    try {
      // all is read before anything is written: a damaged file is left as it is
      for (const [name, sql] of READ) tell(name, db.prepare(sql))
      db.exec(`BEGIN; ${CLEAN_UP} COMMIT`)
    } catch (error) {
      throw asUsageError(error, file)
    }
  }

  function tell(name: RestoredName, statement: StatementSync): void {
    statement.setReturnArrays(true)
    let rows: unknown[][] = []
    for (const row of statement.iterate() as Iterable<unknown>) {
      rows.push(row as unknown[])
      if (rows.length === ROWS_AT_ONCE) {
        port.postMessage({ name, rows } satisfies Reply)
        rows = []
      }
    }
    port.postMessage({ name, rows } satisfies Reply)
  }

  function commit(changes: readonly Change[]): void {
    db.exec('BEGIN')
    try {
      for (const [name, ...columns] of changes)
        write.get(name)?.run(...(columns as SQLInputValue[]))
      db.exec('COMMIT')
      unsynced = true
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  function doChores(): void {
    if (options.fsync === 'interval' && unsynced) {
      const wal = openSync(`${file}-wal`, 'r+')
      fdatasyncSync(wal)
      closeSync(wal)
      unsynced = false
    }
    const free = Number(db.prepare('PRAGMA freelist_count').get()?.freelist_count)
    if (free > SPARE_PAGES) db.prepare(`PRAGMA incremental_vacuum(${SPARE_PAGES})`).all()
  }

  // what goes wrong here does so again in the next commit, where somebody waits for it
  const chores = setInterval(() => attempt(doChores), CHORES_MS).unref()
  port.on('message', (request: Request) => {
    if (request === 'close') {
      clearInterval(chores)
      attempt(() => db.close())
      port.close()
    } else answer(port, () => (request === 'recover' ? recover() : commit(request)))
  })
}

function answer(port: MessagePort, work: () => void): void {
  const error = attempt(work)
  const reply: Reply = error
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

if (parentPort) {
  const port = parentPort
  answer(port, () => open(port, workerData))
}
