/** A line of an answer, with the end of line that it came with. */
export type HistoryRecord =
  | { readonly kind: 'head'; readonly text: string }
  /** A message or a bucket; a message has an id. */
  | { readonly kind: 'entry'; readonly text: string; readonly id: string | null }

/** What the last line of an answer says. */
export interface HistoryTrailer {
  readonly next: string | null
  readonly gaps: readonly { readonly reason: string }[]
}

export interface HistoryRecords {
  /** Takes the next piece of the answer, and gives the records that it completes. */
  push(text: string): Iterable<HistoryRecord>
  /** Null where the answer has no such line. */
  end(): HistoryTrailer | null
}

/** Reads `GET /history` in lines of JSON or in CSV, whose cells may hold ends of lines (RFC 4180). */
export function createRecords(format: 'ndjson' | 'csv', isBuckets: boolean): HistoryRecords {
  let rest = ''
  /** Where in `rest` to look next, and whether that is inside of quotes. */
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
