import { type Certificate, KEY_USAGE } from './certificate.ts'
import type { RevocationList } from './crl.ts'
import { remembered } from './remembered.ts'
import { isSignedBy } from './signature.ts'

/** What the lists say about one certificate. `UNABLE_TO_GET_CRL`: no list of its issuer covers it. */
export type RevocationState =
  | { readonly state: 'good' | 'unlisted'; readonly until: number }
  | { readonly state: 'revoked' | 'CRL_HAS_EXPIRED' | 'CRL_NOT_YET_VALID' | 'UNABLE_TO_GET_CRL' }

/** The revocation lists in use. */
export interface Revocations {
  readonly lists: readonly RevocationList[]
  /** Whether `issuer` has signed one of them. */
  hasListOf(issuer: Certificate): boolean
  /** Looks up a certificate by its issuer and its serial number. */
  stateOf(certificate: Certificate, issuer: Certificate, now: number): RevocationState
}

/** `allowExpired`: an expired list still counts. */
export function createRevocations(
  lists: readonly RevocationList[],
  { allowExpired = false }: { readonly allowExpired?: boolean } = {},
): Revocations {
  const byIssuer = Map.groupBy(lists, ({ issuer }) => issuer)
  return {
    lists,
    hasListOf: (issuer) => (byIssuer.get(issuer.subject) ?? []).some((list) => isOf(list, issuer)),
    stateOf(certificate, issuer, now) {
      const named = byIssuer.get(certificate.issuer) ?? []
      if (named.length === 0) return { state: 'unlisted', until: Number.POSITIVE_INFINITY }
      const signed = named.filter((list) => isOf(list, issuer))
      if (signed.some(({ revoked }) => revoked.has(certificate.serial))) return { state: 'revoked' }
      const about = signed.filter((list) => speaksOf(list, certificate))
      const begun = about.filter(({ thisUpdate }) => thisUpdate <= now)
      const until = Math.max(...begun.map(({ nextUpdate }) => nextUpdate))
      if (begun.length > 0 && (until > now || allowExpired))
        return {
          state: 'good',
          until: until > now && !allowExpired ? until : Number.POSITIVE_INFINITY,
        }
      if (begun.length > 0) return { state: 'CRL_HAS_EXPIRED' }
      if (about.length > 0) return { state: 'CRL_NOT_YET_VALID' }
      // no list is signed by a known CA, or none covers this certificate: whether it is revoked is unknown
      return signed.length > 0 && certificate.isAuthority
        ? { state: 'unlisted', until: Number.POSITIVE_INFINITY }
        : { state: 'UNABLE_TO_GET_CRL' }
    },
  }
}

/** Whether this certificate would be on that list of its issuer if it were revoked. */
function speaksOf({ scope, points }: RevocationList, certificate: Certificate): boolean {
  if (scope === 'none' || scope === (certificate.isAuthority ? 'users' : 'authorities'))
    return false
  return points.length === 0 || points.some((point) => certificate.points.includes(point))
}

const isOf = remembered((list: RevocationList, issuer) => {
  const may = issuer.keyUsage === null || (issuer.keyUsage & KEY_USAGE.crlSign) !== 0
  return may && isSignedBy(list.signature, issuer.x509().publicKey)
})
