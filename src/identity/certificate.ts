import type { PeerCertificate } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { Identity } from './identity.ts'

/** What TLS found out about the other end: its certificate, and OpenSSL's objection to it if there is one. */
export interface Peer {
  readonly certificate: PeerCertificate | undefined
  readonly objection: string | undefined
}

export interface IdentityRules {
  /** What a WoTT ID looks like. */
  readonly pattern: { readonly source: string; test(name: string): boolean }
  /** Whether the CA has taken back the certificate with this serial number. */
  isRevoked(serial: string): boolean
  readonly now?: () => number
}

/** OpenSSL's objection to a certificate whose time has not come, or whose authority's has not. */
export const NOT_YET_VALID = 'CERT_NOT_YET_VALID'

const MAX_ID_BYTES = 253
// `pattern` is a setting, so what MQTT and the ACL give a meaning is refused here whatever it allows
const MEANINGFUL = /[+#/$\u0000-\u001f\u007f]/

/**
 * The WoTT ID behind a certificate, or why there is none. Asks for expiry and revocation anew because
 * a resumed TLS session carries OpenSSL's verdict from the time of its first handshake.
 */
export function toIdentity(peer: Peer, rules: IdentityRules): Identity | GatewayError {
  const { certificate, objection } = peer
  if (!certificate?.subject) return required()
  const notAfter = Date.parse(certificate.valid_to)
  const serial = certificate.serialNumber
  const now = (rules.now ?? Date.now)()
  if (objection === NOT_YET_VALID && Date.parse(certificate.valid_from) > now)
    return early(certificate.valid_from)
  if (objection !== undefined && objection !== 'CERT_HAS_EXPIRED' && objection !== 'CERT_REVOKED')
    return untrusted(objection)
  if (objection === 'CERT_REVOKED' || rules.isRevoked(serial)) return revoked(serial)
  // written so that an unreadable date counts as expired
  if (objection !== undefined || !(notAfter > now)) return expired(certificate.valid_to)
  const name: string | string[] | undefined = certificate.subject.CN
  const problem = nameProblem(name, rules.pattern)
  if (problem) return unusable(problem)
  return { id: name as string, serial, fingerprint256: certificate.fingerprint256, notAfter }
}

function nameProblem(
  name: string | string[] | undefined,
  pattern: IdentityRules['pattern'],
): string | null {
  if (name === undefined) return 'its subject has no CN'
  if (typeof name !== 'string') return `its subject has ${name.length} CNs and may have one`
  if (Buffer.byteLength(name) > MAX_ID_BYTES) return `its CN is longer than ${MAX_ID_BYTES} bytes`
  if (MEANINGFUL.test(name) || !pattern.test(name))
    return `its CN is no WoTT ID (${pattern.source})`
  return null
}

function required(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'No client certificate was sent. Send the one this device was issued, as with curl --cert client.crt --key client.key.',
  )
}

function expired(end: string): GatewayError {
  return new GatewayError(
    'certificate_expired',
    `The client certificate was valid until ${end}. Have a new one issued.`,
  )
}

function early(start: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The client certificate is valid from ${start} on, and not before. Look at the gateway's clock.`,
  )
}

function revoked(serial: string): GatewayError {
  return new GatewayError(
    'certificate_revoked',
    `The client certificate with serial number ${serial} has been revoked by its CA.`,
  )
}

function untrusted(objection: string): GatewayError {
  return new GatewayError(
    'certificate_untrusted',
    `The client certificate does not descend from the gateway's device CA as it must (${objection}).`,
  )
}

function unusable(problem: string): GatewayError {
  return new GatewayError(
    'identity_unusable',
    `The client certificate names no usable WoTT ID: ${problem}.`,
  )
}
