import type { PeerCertificate } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Objection, SELF_SIGNED } from '../x509/path.ts'
import type { Identity } from './identity.ts'

/** A client certificate, and the reason to refuse it, if there is one. */
export interface Peer {
  readonly certificate: PeerCertificate | undefined
  readonly objection: Objection | null
}

/** What a certificate is checked against; `now` in milliseconds since the Unix epoch. */
export interface IdentityRules {
  /** What a WoTT ID looks like. */
  readonly pattern: { readonly source: string; test(name: string): boolean }
  readonly now?: () => number
}

/** The objection to a certificate that is not valid yet, or whose CA is not. */
export const NOT_YET_VALID = 'CERT_NOT_YET_VALID'

const MAX_ID_BYTES = 253
// characters with a meaning in MQTT topics and the ACL are refused whatever the setting `pattern` allows
const MEANINGFUL = /[+#/$\u0000-\u001f\u007f]/

/** The WoTT ID behind a certificate, or why there is none. */
export function toIdentity(peer: Peer, rules: IdentityRules): Identity | GatewayError {
  const { certificate, objection } = peer
  if (!certificate?.subject) return required()
  if (objection) return refused(certificate, objection)
  const notAfter = Date.parse(certificate.valid_to)
  // not `<=`: an unreadable date (NaN) counts as expired
  if (!(notAfter > (rules.now ?? Date.now)())) return expired(certificate.valid_to)
  const name: string | string[] | undefined = certificate.subject.CN
  const problem = nameProblem(name, rules.pattern)
  if (problem) return unusable(problem)
  const { serialNumber: serial, fingerprint256 } = certificate
  return { id: name as string, serial, fingerprint256, notAfter }
}

function refused(certificate: PeerCertificate, objection: Objection): GatewayError {
  const { reason, authority } = objection
  if (authority) return authorityAtFault(reason, authority)
  if (reason === 'CERT_REVOKED') return revoked(certificate.serialNumber)
  if (reason === 'CERT_HAS_EXPIRED') return expired(certificate.valid_to)
  if (reason === NOT_YET_VALID) return early(certificate.valid_from)
  const problem = LIST_PROBLEMS[reason]
  if (problem) return unlisted(`${certificate.issuer?.CN}`, problem, reason)
  if (reason === SELF_SIGNED) return selfSigned(reason)
  return untrusted(reason)
}

/** Problems with the revocation list, by the objection. */
const LIST_PROBLEMS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_CRL: 'WOTT_CRL_FILE contains no list of this CA for such certificates',
  CRL_HAS_EXPIRED: 'the list has expired',
  CRL_NOT_YET_VALID: "the list is not valid yet: check the gateway's clock",
}

function unlisted(issuer: string, problem: string, reason: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The gateway cannot check whether the client certificate is revoked: it needs a revocation list of the CA "${issuer}", and ${problem} (${reason}). The client certificate itself is not at fault.`,
  )
}

function nameProblem(
  name: string | string[] | undefined,
  pattern: IdentityRules['pattern'],
): string | null {
  if (name === undefined) return 'its subject has no CN'
  if (typeof name !== 'string') return `its subject has ${name.length} CNs; only one is allowed`
  if (Buffer.byteLength(name) > MAX_ID_BYTES) return `its CN is longer than ${MAX_ID_BYTES} bytes`
  if (MEANINGFUL.test(name) || !pattern.test(name))
    return `its CN is not a valid WoTT ID (${pattern.source})`
  return null
}

function required(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'No client certificate was sent. Send the certificate of this device, for example with curl --cert client.crt --key client.key.',
  )
}

function expired(end: string): GatewayError {
  return new GatewayError(
    'certificate_expired',
    `The client certificate has expired: it was valid until ${end}. Get a new one.`,
  )
}

function early(start: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The client certificate is not valid before ${start}. Check the gateway's clock.`,
  )
}

function revoked(serial: string): GatewayError {
  return new GatewayError(
    'certificate_revoked',
    `The client certificate with serial number ${serial} has been revoked by its CA.`,
  )
}

function authorityAtFault(reason: string, authority: Certificate): GatewayError {
  const { subjectName, notBefore, notAfter } = authority
  const date = (time: number) => new Date(time).toUTCString()
  if (reason === 'CERT_REVOKED')
    return new GatewayError(
      'certificate_revoked',
      `The CA "${subjectName}", which issued the client certificate or a CA above it, has been revoked.`,
    )
  const problem = LIST_PROBLEMS[reason]
  if (problem) return unlisted(authority.issuerName, problem, reason)
  const fault =
    reason === 'CERT_HAS_EXPIRED'
      ? `was valid until ${date(notAfter)}: its operator must renew it`
      : reason === NOT_YET_VALID
        ? `is not valid before ${date(notBefore)}: check the gateway's clock`
        : `is not allowed to issue it (${reason})`
  return new GatewayError(
    'certificate_untrusted',
    `The CA "${subjectName}" of the client certificate ${fault}. The client certificate itself is not at fault.`,
  )
}

function untrusted(objection: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The client certificate was not issued by the gateway's device CA (${objection}).`,
  )
}

function selfSigned(objection: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The client certificate is self-signed. Send one that the gateway's device CA issued (${objection}).`,
  )
}

function unusable(problem: string): GatewayError {
  return new GatewayError(
    'identity_unusable',
    `The client certificate has no valid WoTT ID: ${problem}.`,
  )
}
