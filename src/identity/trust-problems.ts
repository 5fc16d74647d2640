import type { Certificate } from '../x509/certificate.ts'
import type { RevocationList } from '../x509/crl.ts'
import type { Trust } from './trust.ts'

/** Why no device at all can connect; null if some can. */
export function fatalProblem(trust: Trust, now: number): string | null {
  const { certificate, authorities } = trust
  const own = untimely("the gateway's certificate", certificate, now)
  if (own) return own
  const anchors = authorities.all.filter(authorities.isAnchor)
  if (anchors.length === 0)
    return 'there is no self-signed (root) CA certificate among the CA certificates'
  const ended = anchors.map((anchor) => untimely(nameOfCa(anchor), anchor, now))
  if (ended.every((problem) => problem !== null))
    return `${ended.join('; ')}: no device can connect`
  return listProblem(trust, now)
}

/** Every certificate and list that is out of date, even if only some devices are affected. */
export function problemsOf({ authorities, revocations }: Trust, now: number): string[] {
  return [
    ...authorities.all.map((authority) => untimely(nameOfCa(authority), authority, now)),
    ...(revocations?.lists ?? []).map((list) => lateList(list, now)),
  ].filter((problem) => problem !== null)
}

/** The CAs without a list: the certificates that they issue are refused. */
function withoutList({ authorities, revocations }: Trust): Certificate[] {
  return authorities.all.filter(
    (authority) => revocations && authority.isAuthority && !revocations.hasListOf(authority),
  )
}

/** What the log says of files that were loaded. */
export function trustSummary(trust: Trust): { withoutList?: string[] } {
  const names = withoutList(trust).map(({ subjectName }) => subjectName)
  return names.length === 0 ? {} : { withoutList: names }
}

function listProblem(trust: Trust, now: number): string | null {
  const { authorities, revocations, crlExpired } = trust
  if (!revocations) return null
  const late = revocations.lists.map((list) => lateList(list, now))
  if (crlExpired === 'refuse' && late.every((problem) => problem !== null))
    return `${late.join('; ')}, and without it no device can connect`
  // a list may belong to an intermediate CA that only devices send, if there can be one
  const missing = withoutList(trust)
  const issuers = authorities.all.filter(({ isAuthority }) => isAuthority)
  const strangers = revocations.lists.some(({ issuer }) => authorities.named(issuer).length === 0)
  const below = issuers.some(({ pathLength }) => pathLength > 0)
  if (missing.length < issuers.length || (strangers && below)) return null
  const names = missing.map(({ subjectName }) => `"${subjectName}"`).join(' or ')
  return `WOTT_CRL_FILE contains no list signed by ${names}, and without it no device can connect`
}

function lateList({ issuerName, thisUpdate, nextUpdate }: RevocationList, now: number) {
  const name = `the revocation list of "${issuerName}"`
  if (now >= nextUpdate) return `${name} expired on ${dateText(nextUpdate)}`
  if (now < thisUpdate) return `${name} is not valid before ${dateText(thisUpdate)}`
  return null
}

function untimely(name: string, { notBefore, notAfter }: Certificate, now: number): string | null {
  if (now < notBefore) return `${name} is not valid before ${dateText(notBefore)}`
  return now >= notAfter ? `${name} was valid until ${dateText(notAfter)}` : null
}

function nameOfCa({ subjectName }: Certificate): string {
  return `the CA certificate "${subjectName}"`
}

function dateText(time: number): string {
  return new Date(time).toUTCString()
}
