import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { topicMatches } from '../../topic/match.ts'
import { hasWildcard } from '../../topic/topic.ts'
import type { LogRange, LogSplit, TopicRange } from '../broker.ts'
import type { Changes } from './changes.ts'
import { type CheckedRow, soundRow } from './checksum.ts'
import { toBuffer, toCharacters } from './columns.ts'
import type { LogRows, TopicRows } from './journal.ts'
import { READ_LOG, READ_TOPICS, SPLIT_LOG } from './sqlite-statements.ts'

/** The most rows that one read looks at: some milliseconds, between two commits. */
export const ROWS_READ = 2_000
/** The most rows and bytes that one read returns: they take a millisecond or two of the calling thread. */
const ROWS_RETURNED = 400
const BYTES_READ = 512 * 1024
/** The most topics that one read looks at. */
const TOPICS_READ = 250

/** Reads a range of the log in parts. A single topic is read by its index, however large the log is. */
export function createSqliteLogReader(db: DatabaseSync): (range: LogRange) => LogRows {
  let statements = prepareReads(db)

  function rowsOf({ after, upTo, filters, newestFirst }: LogRange): Iterable<unknown> {
    const order = newestFirst ? 'DESC' : 'ASC'
    const [filter = '', ...others] = filters
    return others.length > 0 || hasWildcard(filter)
      ? statements.all[order].iterate(after, upTo)
      : statements.one[order].iterate(after, upTo, filter)
  }

  function read(range: LogRange): LogRows {
    const { after, upTo, filters, newestFirst } = range
    const found = createRowCollector()
    let scanned = 0
    for (const entry of rowsOf(range)) {
      const checked = entry as CheckedRow
      const [number, topic] = checked
      scanned += 1
      if (filters.some((filter) => topicMatches(filter, topic))) found.add(checked)
      if (scanned === ROWS_READ || found.isFull())
        return { ...found.rows, scanned, reached: newestFirst ? number - 1 : number }
    }
    return { ...found.rows, scanned, reached: newestFirst ? after : upTo }
  }

  return (range) => {
    try {
      return read(range)
    } catch (error) {
      // after a damaged page, a statement reports it once more at its next use, so all are prepared again
      statements = prepareReads(db)
      throw error
    }
  }
}

/** Collects rows, and the numbers of those that are damaged. */
export function createRowCollector() {
  const rows: Changes['append'][] = []
  const damaged: number[] = []
  let bytes = 0
  return {
    rows: { rows, damaged },
    isFull: () => rows.length >= ROWS_RETURNED || bytes >= BYTES_READ,
    add(checked: CheckedRow): void {
      const sound = soundRow(checked)
      if (!sound) {
        damaged.push(checked[0])
        return
      }
      const [number, topic, payload, ...rest] = sound
      rows.push([number, topic, toCharacters(toBuffer(payload)), ...rest])
      bytes += payload.length
    },
  }
}

function prepareReads(db: DatabaseSync) {
  const { all, one } = READ_LOG
  return {
    all: { ASC: prepare(db, all.ASC), DESC: prepare(db, all.DESC) },
    one: { ASC: prepare(db, one.ASC), DESC: prepare(db, one.DESC) },
  }
}

/** Reads the latest row of each topic, in parts, and looks at no other row. */
export function createTopicReader(db: DatabaseSync): (range: TopicRange) => TopicRows {
  const next = prepare(db, READ_TOPICS.next)
  const latest = prepare(db, READ_TOPICS.latest)

  return ({ after, filters }) => {
    const found = createRowCollector()
    let reached = after
    let scanned = 0
    while (scanned < TOPICS_READ && !found.isFull()) {
      const one = next.get(reached) as unknown as [string] | undefined
      if (!one) return { ...found.rows, scanned, reached: null }
      const [topic] = one
      reached = topic
      scanned += 1
      if (filters.some((filter) => topicMatches(filter, topic)))
        found.add(latest.get(topic) as unknown as CheckedRow)
    }
    return { ...found.rows, scanned, reached }
  }
}

/** Finds the place of a time by a binary search: an index of times would slow down every append. */
export function createLogSplitter(db: DatabaseSync): (time: number) => LogSplit {
  const bounds = prepare(db, SPLIT_LOG.bounds)
  const from = prepare(db, SPLIT_LOG.from)
  const before = prepare(db, SPLIT_LOG.before)

  return (time) => {
    const [first, last] = row(bounds.get())
    let [low, high] = [first, last + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const found = from.get(middle)
      // the log is empty if there is no row
      const [number, its] = found === undefined ? [0, time] : row(found)
      if (its < time) low = number + 1
      else high = middle
    }
    const [found] = row(before.get(low))
    const next = from.get(low)
    return { before: found, from: next === undefined ? null : row(next)[0] }
  }
}

/** Prepares a statement whose rows are arrays, in the order of their columns. */
export function prepare(db: DatabaseSync, sql: string): StatementSync {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}

function row(row: unknown): [number, number] {
  return row as [number, number]
}
