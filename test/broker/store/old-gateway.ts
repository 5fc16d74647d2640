import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'

export const RELEASES = ['schema-2', 'schema-3'] as const

/** An event that a stream of the old gateway sent. */
export interface OldEvent {
  readonly id: string
  readonly topic: string
  readonly payload: string
}

/** What an old gateway sent and left. */
export interface OldStore {
  /** All events that its last two runs sent; the first ones are no longer in its history. */
  readonly events: readonly OldEvent[]
  /** The index of the first event that its history still holds. */
  readonly first: number
}

const FOLDER = join(import.meta.dirname, 'old-stores')

/** Copies what old-stores/make.ts made into `directory`, with times as if it were made just now. */
export function leaveOldStore(release: (typeof RELEASES)[number], directory: string): OldStore {
  const read = (name: string) => readFileSync(join(FOLDER, release, name))
  const [head = '', ...lines] = `${read('history.ndjson')}`.trimEnd().split('\n')
  const messages = lines.map((line) => JSON.parse(line))
  const later = Date.now() - messages.at(-1).time
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, 'broker.sqlite')
  writeFileSync(file, gunzipSync(read('broker.sqlite.gz')))
  const db = new DatabaseSync(file)
  db.exec(`
    UPDATE messages SET time = time + ${later}, stored = stored + ${later};
    UPDATE retained SET time = time + ${later};
    UPDATE sessions SET last_seen = last_seen + ${later};`)
  db.close()
  const moved = messages.map((line) => JSON.stringify({ ...line, time: line.time + later }))
  writeFileSync(join(directory, 'history.ndjson'), `${[head, ...moved].join('\n')}\n`)
  const events = `${read('stream.ndjson')}`.trimEnd().split('\n')
  const sent = events.map((line): OldEvent => JSON.parse(line))
  return { events: sent, first: sent.length - messages.length }
}
