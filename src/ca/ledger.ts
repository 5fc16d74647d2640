import { type FileHandle, open, readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import {
  type IssuedLine,
  type LedgerEntry,
  parseEntry,
  type RotationLine,
  type Via,
} from './ledger-line.ts'

/** One issued certificate. Times in milliseconds since the Unix epoch; null where an old ledger lacks the value. */
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
  /** Why it is revoked; null where the ledger does not say so. */
  readonly reason: string | null
  /** SHA-256 of the CA certificate; null where the ledger names no CA, because there has been only one. */
  readonly issuer: string | null
}

/** Adds `entries`; they are on disk when it resolves. Call it under the directory's lock. */
export async function appendToLedger(path: string, entries: readonly LedgerEntry[]): Promise<void> {
  await using ledger = await open(path, 'r+')
  // a line that a crash cut short was never reported as done, and would damage the next one
  const end = await endOfLines(ledger)
  await ledger.truncate(end)
  const added = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  // on a disk that is nearly full one write stores only a part, and only the next write fails
  for (let at = 0; at < added.length; )
    at += (await ledger.write(added, at, added.length - at, end + at)).bytesWritten
  await ledger.sync()
}

const TAIL_BYTES = 4096

/** Where the last whole line ends. It reads from the end, because a ledger grows for years. */
async function endOfLines(ledger: FileHandle): Promise<number> {
  for (let to = (await ledger.stat()).size; to > 0; to -= TAIL_BYTES) {
    const from = Math.max(0, to - TAIL_BYTES)
    const { buffer, bytesRead } = await ledger.read(Buffer.alloc(to - from), 0, to - from, from)
    const last = buffer.subarray(0, bytesRead).lastIndexOf('\n')
    if (last !== -1) return from + last + 1
  }
  return 0
}

/** Every certificate that was issued, oldest first. Rejects with `UsageError` where the file cannot be understood. */
export async function readLedger(path: string): Promise<IssuedEntry[]> {
  const lines = await readLines(path)
  const first = firstIssuer(lines)
  const issued = new Map<string, IssuedEntry>()
  for (const line of lines) note(issued, line, first)
  return [...issued.values()]
}

/** Every beginning and end of a rotation, oldest first. Rejects as {@link readLedger} does. */
export async function readRotations(path: string): Promise<RotationLine[]> {
  return (await readLines(path)).filter((line) => 'replaces' in line)
}

async function readLines(path: string): Promise<LedgerEntry[]> {
  if (!exists(path))
    throw new UsageError(
      `${path} is missing: restore it, because it is the only record of the issued certificates`,
    )
  const text = await readFile(path, 'utf8')
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line, index) => {
    const entry = parseEntry(line)
    if (entry) return entry
    throw new UsageError(
      `${path}: line ${index + 1} is not a ledger entry; correct it, or restore a copy of the file: a certificate that is not in it cannot be revoked`,
    )
  })
}

/** The CA of the lines without an issuer: the first that any line names. */
function firstIssuer(lines: readonly LedgerEntry[]): string | null {
  for (const line of lines) {
    if ('replaces' in line) return line.replaces
    if ('issuer' in line && line.issuer !== undefined) return line.issuer
  }
  return null
}

/** A serial number is unique only within one CA. */
function note(issued: Map<string, IssuedEntry>, line: LedgerEntry, first: string | null): void {
  if (line.event !== 'issued' && line.event !== 'revoked' && line.event !== 'presented') return
  const issuer = line.issuer ?? first
  const name = `${line.serial} ${issuer}`
  if (line.event === 'issued') {
    issued.set(name, toIssued(line, issuer))
    return
  }
  const known = issued.get(name)
  if (!known) return
  const time = Date.parse(line.time)
  if (line.event === 'revoked')
    issued.set(name, { ...known, revokedAt: time, reason: line.reason ?? null })
  else issued.set(name, { ...known, presentedAt: known.presentedAt ?? time })
}

function toIssued(
  { id, serial, time, notAfter, fingerprint, key, via }: IssuedLine,
  issuer: string | null,
): IssuedEntry {
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
    reason: null,
    issuer,
  }
}

/** The members by which other lines refer to a certificate. */
export function certificateOf({ id, serial, issuer }: IssuedEntry) {
  return { id, serial, ...(issuer === null ? {} : { issuer }) }
}
