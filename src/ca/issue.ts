import { X509Certificate as NodeCertificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type Authority, keyIdentifierOf } from './authority.ts'
import { sha256 } from './fingerprints.ts'
import { ECDSA_SHA256, generateKey, toPublicKey } from './p256.ts'
import { randomSerial } from './serial.ts'
import { CLOCK_SKEW_MS, DAY_MS } from './validity.ts'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKeyType,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './x509.ts'

export interface IssueOptions {
  /** The subject's CN. A list makes a subject with several or none, which every door refuses. */
  readonly commonName: string | readonly string[]
  /** Alternative names, host names and IP addresses alike; default: the common names. */
  readonly names?: readonly string[]
  /** Validity from `notBefore` on; never beyond the end of the authority. */
  readonly days: number
  /** In milliseconds since the Unix epoch; default five minutes ago. */
  readonly notBefore?: number
}

/** A certificate without its private key. */
export interface Certified {
  /** PEM. */
  readonly certificate: string
  /** Upper-case hexadecimal, as Node's `X509Certificate.serialNumber` prints it. */
  readonly serial: string
  /** End of validity, in milliseconds since the Unix epoch. */
  readonly notAfter: number
  /** SHA-256 of the CA's certificate in DER, lower-case hexadecimal. */
  readonly issuer: string
}

/** A certificate and its private key. */
export interface Issued extends Certified {
  /** Not encrypted, PEM. */
  readonly key: string
}

/** Issues a certificate for `key`, a P-256 private key in PEM; by default a new one. Names are not checked here. */
export async function issue(
  authority: Authority,
  { key = generateKey(), ...options }: IssueOptions & { readonly key?: string },
): Promise<Issued> {
  return { ...(await certify(authority, toPublicKey(key), options)), key }
}

/** Issues an end-entity certificate for TLS servers and clients. Names are not checked here. */
export async function certify(
  authority: Authority,
  publicKey: PublicKeyType,
  options: IssueOptions,
): Promise<Certified> {
  const { commonName, days } = options
  const commonNames = typeof commonName === 'string' ? [commonName] : commonName
  const notBefore = options.notBefore ?? Date.now() - CLOCK_SKEW_MS
  const { subjectName } = authority.issuer
  const generated = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: commonNames.map((name) => ({ CN: [name] })),
    issuer: subjectName,
    notBefore: new Date(notBefore),
    notAfter: new Date(Math.min(notBefore + days * DAY_MS, authority.notAfter)),
    publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      // both: the tutorial's broker uses its device certificate as its server certificate
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await keyIdentifierOf(authority),
      ...alternativeNames(options.names ?? commonNames, commonNames.length === 0),
    ],
  })
  const certificate = `${generated.toString('pem')}\n`
  const { serialNumber, validToDate } = new NodeCertificate(certificate)
  const issuer = sha256(new Uint8Array(authority.issuer.rawData))
  return { certificate, serial: serialNumber, notAfter: validToDate.getTime(), issuer }
}

/** Critical where the subject is empty (RFC 5280 §4.1.2.6). */
function alternativeNames(names: readonly string[], critical: boolean): Extension[] {
  if (names.length === 0) return []
  const general = names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const)
  return [new SubjectAlternativeNameExtension(general, critical)]
}
