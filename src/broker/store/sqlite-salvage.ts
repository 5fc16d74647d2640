import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { type CheckedRow, soundRow } from './checksum.ts'
import { LOG_COLUMNS } from './sqlite-statements.ts'

const SQLITE_FULL = 13

/** What was copied from a damaged store, and what was not. */
export interface Salvaged {
  /** The number of messages. */
  readonly kept: number
  /** Numbers of messages whose checksum does not match. */
  readonly damaged: readonly number[]
  /** The ranges of numbers that could not be read; they may or may not have held messages. */
  readonly holes: readonly (readonly [after: number, before: number])[]
  /** Tables, other than the log, that could be read only in part. */
  readonly tables: readonly string[]
}

/** Copies everything that can be read, of all tables, from one store to an empty one of the same schema. */
export function salvage(from: DatabaseSync, to: DatabaseSync): Salvaged {
  to.exec('BEGIN')
  const log = salvageLog(from, to)
  const tables = tablesOf(to).filter((table) => table !== 'log' && !copyTable(table, from, to))
  to.exec('COMMIT')
  return { ...log, tables }
}

function tablesOf(db: DatabaseSync): string[] {
  const found = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  return found.map(({ name }) => String(name))
}

/** Copies from both ends, to lose only the unreadable part; returns whether everything was copied. */
function copyTable(table: string, from: DatabaseSync, to: DatabaseSync): boolean {
  const columns = columnsOf(to, table)
  const keys = columns.filter(({ key }) => key > 0).toSorted((a, b) => a.key - b.key)
  const names = columns.map(({ name }) => name).join(', ')
  const insert = inserting(to, table, columns.length)
  const isWhole = (order: 'ASC' | 'DESC') => {
    const by = keys.map(({ name }) => `${name} ${order}`).join(', ')
    const done = attempt(() => {
      const select = prepare(from, `SELECT ${names} FROM ${table} ORDER BY ${by}`)
      for (const row of select.iterate() as Iterable<unknown>)
        insert.run(...(row as SQLInputValue[]))
    })
    return done !== null
  }
  return isWhole('ASC') || isWhole('DESC')
}

function salvageLog(from: DatabaseSync, to: DatabaseSync): Omit<Salvaged, 'tables'> {
  const insert = to.prepare(
    `INSERT OR IGNORE INTO log (${LOG_COLUMNS}, stored) VALUES (${Array(12).fill('?').join(', ')})`,
  )
  const damaged: number[] = []
  const holes: [number, number][] = []
  let kept = 0
  let reached = Number.MIN_SAFE_INTEGER

  function take(found: unknown): void {
    const stored = (found as unknown[]).at(-1)
    const row = (found as unknown[]).slice(0, -1) as CheckedRow
    const [number] = row
    reached = number
    if (soundRow(row)) {
      insert.run(...row, stored as number | null)
      kept += 1
    } else damaged.push(number)
  }

  const next = attempt(() =>
    prepare(from, `SELECT ${LOG_COLUMNS}, stored FROM log WHERE number > ? ORDER BY number`),
  )?.value
  if (!next) return { kept, damaged, holes: [[0, Number.MAX_SAFE_INTEGER]] }
  for (;;) {
    const isDone = attempt(() => {
      for (const row of next.iterate(reached) as Iterable<unknown>) take(row)
    })
    if (isDone !== null) return { kept, damaged, holes }
    const after = nextReadable(next, reached)
    holes.push([Math.max(reached, 0), after === null ? Number.MAX_SAFE_INTEGER : after])
    if (after === null) return { kept, damaged, holes }
    reached = after - 1
  }
}

/** The lowest number after this one from which rows can be read again; null if there is none. */
function nextReadable(next: StatementSync, after: number): number | null {
  const first = (from: number): number | null => {
    const row = attempt(() => next.get(from) as unknown as [number] | undefined)?.value
    return row ? row[0] : null
  }
  // only few pages are damaged, so the next readable row is near
  let low = Math.max(after, 0)
  let high = low
  for (let step = 1; first(high) === null; step *= 2) {
    if (step > Number.MAX_SAFE_INTEGER / 4) return null
    low = high
    high += step
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (first(middle) === null) low = middle
    else high = middle
  }
  return first(high)
}

function inserting(to: DatabaseSync, table: string, count: number): StatementSync {
  return to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${Array(count).fill('?').join(', ')})`)
}

function prepare(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}

function columnsOf(db: DatabaseSync, table: string): { name: string; key: number }[] {
  return db
    .prepare(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name, pk }) => ({ name: String(name), key: Number(pk) }))
}

/** Null if the damaged store cannot be read; throws if the new one cannot be written. */
function attempt<T>(work: () => T): { readonly value: T } | null {
  try {
    return { value: work() }
  } catch (error) {
    const { errcode } = error as { errcode?: unknown }
    if (errcode === undefined || errcode === SQLITE_FULL) throw error
    return null
  }
}
