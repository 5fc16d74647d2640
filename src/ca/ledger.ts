import { open, readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'

/** By which right a certificate was issued; `init`, `add` and `renew` are commands. */
export const VIAS = [
  'init',
  'add',
  'renew',
  'invite',
  'approval',
  'certificate',
  'fallback',
] as const

export type Via = (typeof VIAS)[number]

/** What was issued. Ledgers of before 0.2 lack what may be missing. */
export interface IssuedLine {
  readonly event: 'issued'
  /** ISO 8601, for people who read the file, as are all times in it. */
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly notAfter: string
  /** SHA-256 of the certificate in DER, lower-case hexadecimal. */
  readonly fingerprint?: string
  /** SHA-256 of its public key (SubjectPublicKeyInfo in DER), lower-case hexadecimal. */
  readonly key?: string
  readonly via?: Via
  /** IP address of whoever asked for it over the network. */
  readonly address?: string
}

export interface RevokedLine {
  readonly event: 'revoked'
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly reason?: string
}

/** A certificate was shown on the enrol door for the first time: its device has it, and its older ones are superseded. */
export interface PresentedLine {
  readonly event: 'presented'
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly address?: string
}

/** What happened before a certificate, or in the place of one; only for people who read the file. */
export interface AuditLine {
  readonly event: 'invited' | 'waiting' | 'approved' | 'denied' | 'refused'
  readonly time: string
  /** The WoTT ID that it is about; missing where nobody proved one. */
  readonly id?: string
  /** As in {@link IssuedLine}. */
  readonly key?: string
  readonly address?: string
  readonly reason?: string
}

/** One thing that the authority did. */
export type LedgerEntry = IssuedLine | RevokedLine | PresentedLine | AuditLine

/** One issued certificate. Times in milliseconds since the Unix epoch; null is what an old ledger does not say. */
export interface IssuedEntry {
  readonly id: string
  readonly serial: string
  readonly issuedAt: number
  readonly notAfter: number
  readonly fingerprint: string | null
  readonly key: string | null
  readonly via: Via | null
  readonly presentedAt: number | null
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
    note(issued, entry)
  }
  return [...issued.values()]
}

function note(issued: Map<string, IssuedEntry>, entry: LedgerEntry): void {
  if (entry.event === 'issued') {
    issued.set(entry.serial, toIssued(entry))
    return
  }
  if (entry.event !== 'revoked' && entry.event !== 'presented') return
  const known = issued.get(entry.serial)
  if (!known) return
  const time = Date.parse(entry.time)
  if (entry.event === 'revoked') issued.set(entry.serial, { ...known, revokedAt: time })
  else issued.set(entry.serial, { ...known, presentedAt: known.presentedAt ?? time })
}

function toIssued({ id, serial, time, notAfter, fingerprint, key, via }: IssuedLine): IssuedEntry {
  return {
    id,
    serial,
    issuedAt: Date.parse(time),
    notAfter: Date.parse(notAfter),
    fingerprint: fingerprint ?? null,
    key: key ?? null,
    via: via ?? null,
    presentedAt: null,
    revokedAt: null,
  }
}

function parseEntry(line: string): LedgerEntry | null {
  try {
    const entry: unknown = JSON.parse(line)
    return isEntry(entry) ? entry : null
  } catch {
    return null
  }
}

const AUDITED: readonly unknown[] = ['invited', 'waiting', 'approved', 'denied', 'refused']

function isEntry(value: unknown): value is LedgerEntry {
  if (typeof value !== 'object' || value === null) return false
  const entry = value as Record<string, unknown>
  if (!isTime(entry.time) || !OPTIONAL.every((name) => isTextOrMissing(entry[name]))) return false
  if (AUDITED.includes(entry.event)) return isTextOrMissing(entry.id)
  if (typeof entry.id !== 'string' || typeof entry.serial !== 'string') return false
  if (entry.event === 'revoked' || entry.event === 'presented') return true
  return entry.event === 'issued' && isTime(entry.notAfter)
}

const OPTIONAL = ['fingerprint', 'key', 'via', 'address', 'reason'] as const

function isTextOrMissing(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}
