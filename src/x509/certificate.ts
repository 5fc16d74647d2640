import { createHash, X509Certificate } from 'node:crypto'
import {
  BIT_STRING,
  BOOLEAN,
  context,
  type Element,
  elements,
  expect,
  INTEGER,
  MalformedError,
  readDerTime,
  readOid,
  SEQUENCE,
  sequence,
} from './der.ts'
import { type Extension, pointNames, readExtensions, unknownCritical } from './extensions.ts'
import { nameKey, shownName } from './name.ts'
import { toSerial } from './serial.ts'

/** The parts of a certificate that path validation uses; times in milliseconds since the Unix epoch. */
export interface Certificate {
  readonly der: Buffer
  /** SHA-256 of the DER, base64. */
  readonly fingerprint: string
  /** Upper-case hexadecimal. */
  readonly serial: string
  /** Names as `nameKey` makes them, to compare; `…Name` is the readable form. */
  readonly subject: string
  readonly subjectName: string
  readonly issuer: string
  readonly issuerName: string
  readonly notBefore: number
  readonly notAfter: number
  readonly isAuthority: boolean
  /** How many authorities may be below it. */
  readonly pathLength: number
  /** The bits of its key usage extension; null without one. */
  readonly keyUsage: number | null
  /** Object identifiers of its extended key usage extension; null without one. */
  readonly purposes: readonly string[] | null
  readonly hasNameConstraints: boolean
  /** Its CRL distribution points. */
  readonly points: readonly string[]
  /** The first critical extension that this gateway does not know. */
  readonly unknown: string | undefined
  /** Node's object for it, created on demand. */
  x509(): X509Certificate
}

/** Bits of the key usage extension (RFC 5280 §4.2.1.3), as in its first byte. */
export const KEY_USAGE = {
  digitalSignature: 0x80,
  keyAgreement: 0x08,
  keyCertSign: 0x04,
  crlSign: 0x02,
}

const OID = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  distributionPoints: '2.5.29.31',
  purposes: '2.5.29.37',
}
const KNOWN = new Set([
  ...Object.values(OID),
  // alternative names, policies and their constraints, Netscape's certificate type: as OpenSSL
  ...['2.5.29.17', '2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.54', '2.16.840.1.113730.1.1'],
])

/** Reads a certificate (RFC 5280 §4). Throws an Error when it is malformed. */
export function readCertificate(der: Buffer): Certificate {
  return toCertificate(new X509Certificate(der))
}

/** As `readCertificate`, for a certificate that Node has parsed already. */
export function toCertificate(parsed: X509Certificate): Certificate {
  const der = parsed.raw
  const [whole] = elements(der)
  const [signed] = sequence(whole)
  const fields = elements(expect(signed, SEQUENCE))
  const version =
    fields[0]?.tag === 0xa0 ? elements(fields.shift()?.content as Buffer)[0] : undefined
  const [serial, , issuer, validity, subject, , ...rest] = fields
  if (!issuer || !subject) throw new MalformedError()
  const [notBefore, notAfter] = sequence(validity)
  const list = rest.find(({ tag }) => tag === context(3, 'constructed'))
  const extensions = list ? readExtensions(elements(list.content)[0]) : new Map<string, Extension>()
  const names = { subject: nameKey(subject), issuer: nameKey(issuer) }
  const constraints = readConstraints(
    extensions,
    version === undefined && names.subject === names.issuer,
  )
  const points = extensions.get(OID.distributionPoints)
  // thousands of device certificates may be in memory, so only their bytes are kept
  const kept = constraints.isAuthority ? parsed : undefined
  let read = new WeakRef(parsed)
  return {
    der,
    fingerprint: createHash('sha256').update(der).digest('base64'),
    serial: toSerial(expect(serial, INTEGER)),
    ...names,
    subjectName: shownName(subject),
    issuerName: shownName(issuer),
    notBefore: readDerTime(notBefore),
    notAfter: readDerTime(notAfter),
    ...constraints,
    purposes: readPurposes(extensions.get(OID.purposes)),
    hasNameConstraints: extensions.has(OID.nameConstraints),
    points: points ? sequence(elements(points.value)[0]).flatMap(readPoint) : [],
    unknown: unknownCritical(extensions, KNOWN),
    x509() {
      const known = kept ?? read.deref()
      if (known) return known
      const again = new X509Certificate(der)
      read = new WeakRef(again)
      return again
    },
  }
}

function readConstraints(extensions: ReadonlyMap<string, Extension>, isOldRoot: boolean) {
  const usage = extensions.get(OID.keyUsage)
  const keyUsage = usage ? (expect(elements(usage.value)[0], BIT_STRING)[1] ?? 0) : null
  const basic = extensions.get(OID.basicConstraints)
  const fields = basic ? sequence(elements(basic.value)[0]) : []
  const saysAuthority = fields[0]?.tag === BOOLEAN && fields[0].content[0] !== 0
  const limit = fields.find(({ tag }) => tag === INTEGER)
  return {
    keyUsage,
    // a version 1 root has no extension that makes it a CA; OpenSSL accepts it too
    isAuthority:
      (saysAuthority || isOldRoot) &&
      (keyUsage === null || (keyUsage & KEY_USAGE.keyCertSign) !== 0),
    pathLength: limit
      ? Number.parseInt(limit.content.toString('hex'), 16)
      : Number.POSITIVE_INFINITY,
  }
}

function readPurposes(extension: Extension | undefined): string[] | null {
  return extension
    ? sequence(elements(extension.value)[0]).map(({ content }) => readOid(content))
    : null
}

function readPoint(point: Element): string[] {
  return pointNames(sequence(point).find(({ tag }) => tag === context(0, 'constructed')))
}
