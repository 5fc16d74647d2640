import { open, readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'

/** One thing that the authority did. Times are ISO 8601, for people who read the file. */
export type LedgerEntry =
  | {
      readonly event: 'issued'
      readonly time: string
      readonly id: string
      readonly serial: string
      readonly notAfter: string
    }
  | {
      readonly event: 'revoked'
      readonly time: string
      readonly id: string
      readonly serial: string
    }

/** One issued certificate. Times in milliseconds since the Unix epoch. */
export interface IssuedEntry {
  readonly id: string
  readonly serial: string
  readonly notAfter: number
  readonly revokedAt: number | null
}

/** Adds `entries`, on disk when it resolves. Call it under the directory's lock. */
export async function appendToLedger(path: string, entries: readonly LedgerEntry[]): Promise<void> {
  await using ledger = await open(path, 'r+')
  const text = await ledger.readFile('utf8')
  // a line that a crash cut short was never reported as done, and would spoil the next one
  const end = Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1))
  await ledger.truncate(end)
  const added = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  // a disk that is nearly full takes a part, and only the next write says so
  for (let at = 0; at < added.length; )
    at += (await ledger.write(added, at, added.length - at, end + at)).bytesWritten
  await ledger.sync()
}

/** Every certificate that was issued, oldest first. Rejects with `UsageError` where the file cannot be understood. */
export async function readLedger(path: string): Promise<IssuedEntry[]> {
  if (!exists(path))
    throw new UsageError(`${path} is missing, and only it knows what was issued: put it back`)
  const text = await readFile(path, 'utf8')
  const issued = new Map<string, IssuedEntry>()
  const lines = text.split('\n').slice(0, -1)
  for (const [index, line] of lines.entries()) {
    const entry = parseEntry(line)
    if (!entry)
      throw new UsageError(
        `${path}: line ${index + 1} is not an entry of the ledger; correct it, or put a copy of the file back: what is not in it cannot be revoked`,
      )
    const known = issued.get(entry.serial)
    if (entry.event === 'issued')
      issued.set(entry.serial, {
        id: entry.id,
        serial: entry.serial,
        notAfter: Date.parse(entry.notAfter),
        revokedAt: null,
      })
    else if (known) issued.set(entry.serial, { ...known, revokedAt: Date.parse(entry.time) })
  }
  return [...issued.values()]
}

function parseEntry(line: string): LedgerEntry | null {
  try {
    const entry: unknown = JSON.parse(line)
    return isEntry(entry) ? entry : null
  } catch {
    return null
  }
}

function isEntry(value: unknown): value is LedgerEntry {
  if (typeof value !== 'object' || value === null) return false
  const { event, time, id, serial, notAfter } = value as Record<string, unknown>
  if (!isTime(time) || typeof id !== 'string' || typeof serial !== 'string') return false
  return event === 'revoked' || (event === 'issued' && isTime(notAfter))
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}
