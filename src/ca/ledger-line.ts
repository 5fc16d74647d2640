/** How a certificate was issued; `init`, `add` and `renew` are commands. */
const VIAS = ['init', 'add', 'renew', 'invite', 'approval', 'certificate', 'fallback'] as const

export type Via = (typeof VIAS)[number]

/** A certificate that was issued. The optional members are missing in ledgers from before 0.2. */
export interface IssuedLine {
  readonly event: 'issued'
  /** ISO 8601, as are all times in the file, for people who read it. */
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly notAfter: string
  /** SHA-256 of the certificate in DER, lower-case hexadecimal. */
  readonly fingerprint?: string
  /** SHA-256 of its public key (SubjectPublicKeyInfo in DER), lower-case hexadecimal. */
  readonly key?: string
  readonly via?: Via
  /** IP address of the client that requested it over the network. */
  readonly address?: string
  /** SHA-256 of the CA certificate in DER, lower-case hexadecimal. Missing, here and below, for the first CA. */
  readonly issuer?: string
}

/** Why a certificate is revoked (RFC 5280 §5.3.1). */
export const REVOCATION_REASONS = [
  'keyCompromise',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'unspecified',
] as const

export type RevocationReason = (typeof REVOCATION_REASONS)[number]

export interface RevokedLine {
  readonly event: 'revoked'
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly issuer?: string
  readonly reason?: string
}

/**
 * A device showed this certificate on the enrol door for the first time: it has received it, and its older ones are superseded.
 */
export interface PresentedLine {
  readonly event: 'presented'
  readonly time: string
  readonly id: string
  readonly serial: string
  readonly issuer?: string
  readonly address?: string
}

/** The replacement of a CA: both CAs are in force from the start on, and only the new one from the finish on. */
export interface RotationLine {
  readonly event: 'rotation-started' | 'rotation-finished'
  readonly time: string
  /** SHA-256 of the new CA certificate in DER, lower-case hexadecimal. */
  readonly issuer: string
  /** The same of the old CA certificate. */
  readonly replaces: string
}

/** What happened before a certificate was issued, or instead of that; only for people who read the file. */
export interface AuditLine {
  readonly event: 'invited' | 'withdrawn' | 'waiting' | 'approved' | 'denied' | 'refused'
  readonly time: string
  /** The WoTT ID concerned; missing where none was proved. */
  readonly id?: string
  /** As in {@link IssuedLine}. */
  readonly key?: string
  readonly address?: string
  readonly reason?: string
}

/** One action of the authority. */
export type LedgerEntry = IssuedLine | RevokedLine | PresentedLine | RotationLine | AuditLine

/** Null for a line that is not an entry. */
export function parseEntry(line: string): LedgerEntry | null {
  try {
    const entry: unknown = JSON.parse(line)
    return isEntry(entry) ? entry : null
  } catch {
    return null
  }
}

const AUDITED: readonly unknown[] = [
  'invited',
  'withdrawn',
  'waiting',
  'approved',
  'denied',
  'refused',
]

function isEntry(value: unknown): value is LedgerEntry {
  if (typeof value !== 'object' || value === null) return false
  const entry = value as Record<string, unknown>
  if (!isTime(entry.time) || !OPTIONAL.every((name) => isTextOrMissing(entry[name]))) return false
  if (AUDITED.includes(entry.event)) return isTextOrMissing(entry.id)
  if (ROTATION.includes(entry.event))
    return typeof entry.issuer === 'string' && typeof entry.replaces === 'string'
  if (typeof entry.id !== 'string' || typeof entry.serial !== 'string') return false
  if (entry.event === 'revoked' || entry.event === 'presented') return true
  return entry.event === 'issued' && isTime(entry.notAfter)
}

const ROTATION: readonly unknown[] = ['rotation-started', 'rotation-finished']
const OPTIONAL = ['fingerprint', 'key', 'via', 'address', 'reason', 'issuer'] as const

function isTextOrMissing(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}
