import { X509Certificate } from 'node:crypto'
import { sha256 } from '../ca/fingerprints.ts'
import type { IssuedEntry } from '../ca/ledger.ts'

/** Identifies a certificate in the ledger; its signature by the CA was verified. */
export interface ShownCertificate {
  /** SHA-256 of its DER, lower-case hexadecimal. */
  readonly fingerprint: string
  readonly serial: string
}

/** Reads a certificate in PEM. */
export function shownBy(certificate: string): ShownCertificate {
  const { raw, serialNumber } = new X509Certificate(certificate)
  return { fingerprint: sha256(raw), serial: serialNumber }
}

/** Ledgers of before 0.2 know certificates by their serial numbers alone. */
export function isShown(entry: IssuedEntry, { fingerprint, serial }: ShownCertificate): boolean {
  return entry.fingerprint === null ? entry.serial === serial : entry.fingerprint === fingerprint
}

/** How long after its expiry a certificate can still be renewed. */
const GRACE_MS = 30 * 86_400_000

/** Whether a certificate can be renewed, or why not. */
export type CertificateStanding = 'good' | 'superseded' | 'revoked' | 'past grace'

/**
 * A certificate is superseded once its device has shown a newer one. Having been issued one is not enough: the answer may have
 * been lost.
 */
export function certificateStanding(
  certificate: IssuedEntry,
  issued: readonly IssuedEntry[],
  now: number,
): CertificateStanding {
  if (certificate.revokedAt !== null) return 'revoked'
  if (certificate.notAfter + GRACE_MS <= now) return 'past grace'
  const newer = issued.slice(issued.indexOf(certificate) + 1)
  const isSuperseded = newer.some(
    ({ id, presentedAt }) => id === certificate.id && presentedAt !== null,
  )
  return isSuperseded ? 'superseded' : 'good'
}

/** So many certificates a device gets at once, and one more each {@link REFILL_MS}: a failing agent is restarted every second. */
const BURST = 20
const REFILL_MS = 10 * 60_000

/** Milliseconds until a device that got certificates at these times, in order, may get another; 0 for now. */
export function waitForNext(times: readonly number[], now: number): number {
  let used = 0
  let last = times[0] ?? now
  const refill = (time: number) => {
    // a clock that was set back must not add to the allowance
    used = Math.max(0, used - Math.max(0, time - last) / REFILL_MS)
    last = Math.max(last, time)
  }
  for (const time of times) {
    refill(time)
    used += 1
  }
  refill(now)
  return Math.max(0, Math.ceil((used + 1 - BURST) * REFILL_MS))
}
