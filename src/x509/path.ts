import { type Certificate, KEY_USAGE } from './certificate.ts'
import { remembered } from './remembered.ts'
import type { Revocations } from './revocation.ts'

/** The trusted certificates, and the intermediates that the operator provides. */
export interface Authorities {
  /** Whether paths may end in it. */
  isAnchor(certificate: Certificate): boolean
  /** Those with this subject. */
  named(subject: string): readonly Certificate[]
}

/** Why a certificate is refused, by OpenSSL's name where there is one. `authority` is the CA at fault; without it the certificate itself is. */
export interface Objection {
  readonly reason: string
  readonly authority?: Certificate
}

/** The path of a valid certificate, and until when it is valid; or why it is not. */
export type PathVerdict =
  | { readonly objection: null; readonly until: number; readonly path: readonly Certificate[] }
  | { readonly objection: Objection }

/** The CAs and revocation lists in use. */
export interface PathRules {
  readonly authorities: Authorities
  /** Null where nothing is revoked. */
  readonly revocations: Revocations | null
}

const LONGEST_PATH = 10
/** Signatures that are verified for one certificate, so that a client that sends hundreds of CAs with the same name does not hold up others. */
const MOST_CANDIDATES = 32

/**
 * Verifies `certificate` from its own signature up to an anchor as OpenSSL does for a TLS client (RFC 5280 §6.1), and
 * against the lists of every issuer. The verdict holds until `until` or until the rules change.
 */
export function verifyPath(
  certificate: Certificate,
  sent: readonly Certificate[],
  { authorities, revocations }: PathRules,
  now: number,
): PathVerdict {
  let first: PathVerdict | undefined
  for (const path of pathsOf(certificate, sent, authorities)) {
    const verdict = judge(path, revocations, now)
    if (verdict.objection === null) return verdict
    first ??= verdict
  }
  return first ?? { objection: { reason: isSelfIssued(certificate) ? SELF_SIGNED : NO_ISSUER } }
}

export const SELF_SIGNED = 'DEPTH_ZERO_SELF_SIGNED_CERT'
const NO_LIST = 'UNABLE_TO_GET_CRL'
const NO_ISSUER = 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'

/** Whether issuer and subject are the same. */
export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return subject === issuer
}

function* pathsOf(
  certificate: Certificate,
  sent: readonly Certificate[],
  authorities: Authorities,
): Generator<Certificate[]> {
  let candidates = MOST_CANDIDATES

  function* extend(path: Certificate[]): Generator<Certificate[]> {
    const last = path.at(-1) as Certificate
    if (authorities.isAnchor(last)) yield path
    if (path.length === LONGEST_PATH || last.subject === last.issuer) return
    const known = authorities.named(last.issuer)
    const issuers = [...known, ...sent.filter(({ subject }) => subject === last.issuer)]
    for (const issuer of issuers) {
      if (path.some(({ fingerprint }) => fingerprint === issuer.fingerprint)) continue
      if (candidates-- <= 0) return
      if (isIssuedBy(last, issuer)) yield* extend([...path, issuer])
    }
  }

  yield* extend([certificate])
}

/** Whether `issuer` has signed a certificate, and is allowed to. */
export const isIssuedBy = remembered((certificate: Certificate, issuer) => {
  const [one, other] = [certificate.x509(), issuer.x509()]
  try {
    return one.checkIssued(other) && one.verify(other.publicKey)
  } catch {
    // an unknown kind of key or algorithm
    return false
  }
})

function judge(
  path: readonly Certificate[],
  revocations: Revocations | null,
  now: number,
): PathVerdict {
  const objection =
    structuralProblem(path) ?? revoked(path, revocations, now) ?? untimely(path, now)
  if (objection) return { objection }
  let until = Math.min(...path.map(({ notAfter }) => notAfter))
  for (const [index, certificate] of path.entries()) {
    const found = stateIn(path, index, revocations, now)
    if (!found) continue
    // a device needs a list of its issuer; a CA is only looked up where its issuer has one
    if (found.state === 'unlisted' && index === 0)
      // a trusted certificate that signed itself has no issuer with a list
      return { objection: { reason: isSelfIssued(certificate) ? SELF_SIGNED : NO_LIST } }
    if (!('until' in found)) return { objection: about(path, certificate, found.state) }
    until = Math.min(until, found.until)
  }
  return { objection: null, until, path }
}

const CLIENT_PURPOSE = '1.3.6.1.5.5.7.3.2'
const CLIENT_KEY = KEY_USAGE.digitalSignature | KEY_USAGE.keyAgreement

function structuralProblem(path: readonly Certificate[]): Objection | null {
  let below = 0
  for (const [index, certificate] of path.entries()) {
    const { unknown, isAuthority, pathLength, purposes, keyUsage } = certificate
    const fault = (reason: string) => about(path, certificate, reason)
    if (unknown) return fault('UNHANDLED_CRITICAL_EXTENSION')
    if (index > 0 && !isAuthority) return fault('INVALID_CA')
    if (below > pathLength) return fault('PATH_LENGTH_EXCEEDED')
    if (purposes && !purposes.includes(CLIENT_PURPOSE)) return fault('INVALID_PURPOSE')
    if (index === 0 && keyUsage !== null && (keyUsage & CLIENT_KEY) === 0)
      return fault('INVALID_PURPOSE')
    // self-issued ones do not count (RFC 5280 §4.2.1.9)
    if (index > 0 && certificate.subject !== certificate.issuer) below += 1
  }
  return null
}

function revoked(
  path: readonly Certificate[],
  revocations: Revocations | null,
  now: number,
): Objection | null {
  const index = path.findIndex((_, at) => stateIn(path, at, revocations, now)?.state === 'revoked')
  return index === -1 ? null : about(path, path[index] as Certificate, 'CERT_REVOKED')
}

/** Checks from the top, so that an expired CA is reported rather than the certificates below it. */
function untimely(path: readonly Certificate[], now: number): Objection | null {
  for (const certificate of path.toReversed()) {
    if (certificate.notBefore > now) return about(path, certificate, 'CERT_NOT_YET_VALID')
    if (certificate.notAfter <= now) return about(path, certificate, 'CERT_HAS_EXPIRED')
  }
  return null
}

/** What the lists say about the certificate at `index`; null for a trust anchor, which no list can revoke. */
function stateIn(
  path: readonly Certificate[],
  index: number,
  revocations: Revocations | null,
  now: number,
) {
  const certificate = path[index] as Certificate
  const issuer = path[index + 1] ?? (path.length === 1 ? certificate : undefined)
  return revocations && issuer ? revocations.stateOf(certificate, issuer, now) : null
}

function about(path: readonly Certificate[], at: Certificate, reason: string): Objection {
  return at === path[0] ? { reason } : { reason, authority: at }
}
