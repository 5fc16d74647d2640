/** A line of an answer, with its line ending. */
export type HistoryRecord =
  | { readonly kind: 'head'; readonly text: string }
  /** A message or a bucket; a message has an id. */
  | { readonly kind: 'entry'; readonly text: string; readonly id: string | null }

/** The last line of an answer. */
export interface HistoryTrailer {
  readonly next: string | null
  readonly gaps: readonly { readonly reason: string }[]
}

export interface HistoryRecords {
  /** Takes the next piece of the answer, and yields the records that it completes. */
  push(text: string): Iterable<HistoryRecord>
  /** Null if the answer has no such line. */
  end(): HistoryTrailer | null
}

/** Reads `GET /history` as lines of JSON, or as CSV, whose cells may contain line endings (RFC 4180). */
export function createRecords(format: 'ndjson' | 'csv', isBuckets: boolean): HistoryRecords {
  let rest = ''
  /** Where in `rest` to look next, and whether that is inside quotes. */
  let looked = 0
  let quoted = false
  let isFirst = true
  let end: HistoryTrailer | null = null

  function* push(text: string): Generator<HistoryRecord> {
    rest += text
    let begin = 0
    for (; looked < rest.length; looked++) {
      const character = rest[looked]
      if (format === 'csv' && character === '"') quoted = !quoted
      if (character !== '\n' || quoted) continue
      const record = toRecord(rest.slice(begin, looked + 1))
      begin = looked + 1
      if (record) yield record
    }
    rest = rest.slice(begin)
    looked = rest.length
  }

  function toRecord(text: string): HistoryRecord | null {
    const isHead = format === 'csv' && isFirst
    isFirst = false
    if (isHead) return { kind: 'head', text }
    const json = format === 'csv' ? text.slice(2) : text
    if (text.startsWith(format === 'csv' ? '# ' : '{"truncated":')) {
      end = JSON.parse(json)
      return null
    }
    const id = format === 'csv' ? /^[^,]*/ : /(?<=^\{"id":")[^"]*/
    return { kind: 'entry', text, id: isBuckets ? null : (id.exec(text)?.[0] ?? null) }
  }

  return { push, end: () => end }
}
