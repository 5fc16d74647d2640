import { ECDSA_SHA256, generateKey, toPublicKey, toSigningKey } from '../../src/ca/p256.ts'
import { randomSerial } from '../../src/ca/serial.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} from '../../src/ca/x509.ts'
import { toPem } from '../../src/x509/pem.ts'

/** A certificate made by a test, with its key. */
export interface Made {
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly der: Buffer
  readonly serial: string
  readonly name: string
  readonly parsed: X509Certificate
}

export interface MakeOptions {
  /** The issuer; self-signed by default. */
  readonly by?: Made
  /** Whether it is a CA; true by default. */
  readonly authority?: boolean
  readonly pathLength?: number
  readonly usages?: KeyUsageFlags
  readonly purposes?: string[]
  readonly serial?: string
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly key?: string
  readonly extensions?: Extension[]
}

/** Makes a certificate of any kind, also kinds that the gateway's CA never issues. */
export async function makeCertificate(name: string, options: MakeOptions = {}): Promise<Made> {
  const { by, authority = true, from = -1, to = 10, key = generateKey() } = options
  const publicKey = toPublicKey(key)
  const usages = options.usages ?? (authority ? SIGNS : KeyUsageFlags.digitalSignature)
  const parsed = await X509CertificateGenerator.create({
    serialNumber: options.serial ?? randomSerial(),
    subject: [{ CN: [name] }],
    issuer: [{ CN: [by?.name ?? name] }],
    notBefore: new Date(Date.now() + from * DAY_MS),
    notAfter: new Date(Date.now() + to * DAY_MS),
    publicKey,
    signingKey: toSigningKey(by?.key ?? key),
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      new BasicConstraintsExtension(authority, options.pathLength, true),
      new KeyUsagesExtension(usages, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(toPublicKey(by?.key ?? key)),
      ...(options.purposes ? [new ExtendedKeyUsageExtension(options.purposes)] : []),
      ...(options.extensions ?? []),
    ],
  })
  const der = Buffer.from(parsed.rawData)
  const serial = parsed.serialNumber.toUpperCase()
  return { certificate: toPem(der, 'CERTIFICATE'), key, der, serial, name, parsed }
}

export interface ListOptions {
  readonly revoked?: string[]
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly extensions?: Extension[]
}

/** A revocation list, PEM. */
export async function makeList(by: Made, options: ListOptions = {}): Promise<string> {
  const { revoked = [], from = -1, to = 10, extensions = [] } = options
  const list = await X509CrlGenerator.create({
    issuer: [{ CN: [by.name] }],
    thisUpdate: new Date(Date.now() + from * DAY_MS),
    nextUpdate: new Date(Date.now() + to * DAY_MS),
    entries: revoked.map((serialNumber) => ({
      serialNumber,
      revocationDate: new Date(),
      reason: X509CrlReason.privilegeWithdrawn,
    })),
    signingKey: toSigningKey(by.key),
    signingAlgorithm: ECDSA_SHA256,
    extensions: [await AuthorityKeyIdentifierExtension.create(toPublicKey(by.key)), ...extensions],
  })
  return toPem(Buffer.from(list.rawData), 'X509 CRL')
}

const SIGNS = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign

/** An issuing distribution point that says which certificates a list is for (RFC 5280 §5.2.5). */
export function onlyFor(
  what: 'users' | 'authorities',
): [oid: string, critical: true, value: Uint8Array<ArrayBuffer>] {
  return ['2.5.29.28', true, Uint8Array.from([0x30, 3, what === 'users' ? 0x81 : 0x82, 1, 0xff])]
}
