import { createPrivateKey, X509Certificate as NodeCertificate } from 'node:crypto'
import { ECDSA_SHA256, generateKey, toPublicKey, toSigningKey } from './p256.ts'
import { randomSerial } from './serial.ts'
import { CLOCK_SKEW_MS, DAY_MS } from './validity.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts'

/** A certificate authority that can sign. */
export interface Authority {
  /** PEM. */
  readonly certificate: string
  /** Not encrypted, PEM. */
  readonly key: string
  /** End of validity, in milliseconds since the Unix epoch. */
  readonly notAfter: number
  /** `certificate` and `key` in the form that signing needs. */
  readonly issuer: X509Certificate
  readonly signingKey: CryptoKey
}

export interface AuthorityOptions {
  /** Default `WoTT device CA`. */
  readonly commonName?: string
  /** Validity from `notBefore` on; default 3650. */
  readonly days?: number
  /** In milliseconds since the Unix epoch; default five minutes ago. */
  readonly notBefore?: number
}

/** Makes a self-signed P-256 authority for end-entity certificates and CRLs, in memory, in a few milliseconds. */
export async function createAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const { commonName = 'WoTT device CA', days = 3650 } = options
  const notBefore = options.notBefore ?? Date.now() - CLOCK_SKEW_MS
  const key = generateKey()
  const publicKey = toPublicKey(key)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + days * DAY_MS),
    keys: { privateKey: toSigningKey(key), publicKey },
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      // a path length of 0: a device whose certificate was wrongly issued as a CA still cannot sign certificates that are
      // accepted
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return loadAuthority(`${certificate.toString('pem')}\n`, key)
}

/** Reads an authority from PEMs. Throws when they are unreadable, are not an authority's, or do not belong together. */
export function loadAuthority(certificate: string, key: string): Authority {
  const parsed = new NodeCertificate(certificate)
  if (!parsed.ca) throw new Error('the certificate is not a CA certificate')
  if (!parsed.checkPrivateKey(createPrivateKey(key)))
    throw new Error('the private key does not belong to the certificate')
  return {
    certificate,
    key,
    notAfter: parsed.validToDate.getTime(),
    issuer: new X509Certificate(new Uint8Array(parsed.raw)),
    signingKey: toSigningKey(key),
  }
}

/** The extension that names `authority`'s key in what it signs (RFC 5280 §4.2.1.1). */
export async function keyIdentifierOf(
  authority: Authority,
): Promise<AuthorityKeyIdentifierExtension> {
  const subject = authority.issuer.getExtension(SubjectKeyIdentifierExtension)
  if (subject) return new AuthorityKeyIdentifierExtension(subject.keyId)
  return AuthorityKeyIdentifierExtension.create(authority.issuer)
}
