import { type Authority, keyIdentifierOf } from './authority.ts'
import { REVOCATION_REASONS } from './ledger-line.ts'
import { ECDSA_SHA256 } from './p256.ts'
import { readCrl } from './read-crl.ts'
import { CLOCK_SKEW_MS } from './validity.ts'
import { Extension, X509Certificate, X509Crl, X509CrlGenerator, X509CrlReason } from './x509.ts'

export interface CrlOptions {
  /** Serial numbers and when each was revoked, in milliseconds since the Unix epoch. */
  readonly revoked?: ReadonlyMap<string, number>
  /** The reason of each revocation, one of {@link REVOCATION_REASONS}; default privilegeWithdrawn. */
  readonly reasons?: ReadonlyMap<string, string>
  /** The list that this one follows, PEM: its entries stay unchanged, and the CRL number counts on from its own. */
  readonly previous?: string | undefined
  /** In milliseconds since the Unix epoch; default five minutes ago. */
  readonly thisUpdate?: number
  /** In milliseconds since the Unix epoch; default the end of the authority's validity. */
  readonly nextUpdate?: number
}

const CRL_NUMBER = '2.5.29.20'

/** Signs a version 2 revocation list, in PEM. */
export async function createCrl(authority: Authority, options: CrlOptions = {}): Promise<string> {
  const { previous, thisUpdate = Date.now() - CLOCK_SKEW_MS } = options
  const before = previous ? new X509Crl(previous).entries : []
  const known = new Set(previous ? readCrl(previous).revoked.keys() : [])
  // an entry that is on the list keeps its date: otherwise the certificate would become trusted again for the time between
  const added = [...(options.revoked ?? [])].filter(([serial]) => !known.has(serial))
  const crl = await X509CrlGenerator.create({
    issuer: authority.issuer.subjectName,
    thisUpdate: new Date(thisUpdate),
    // TLS refuses every device once the list is out of date, and a small installation has no nightly job that signs a new one.
    // A revocation does not wait for that date: it writes a new list, and the gateway watches the file.
    nextUpdate: new Date(options.nextUpdate ?? authority.notAfter),
    entries: [
      ...[...before].map(({ serialNumber, revocationDate, reason }) =>
        toEntry(serialNumber, revocationDate, reason ?? X509CrlReason.unspecified),
      ),
      ...added.map(([serial, time]) =>
        toEntry(serial, new Date(time), reasonOf(options.reasons?.get(serial))),
      ),
    ],
    signingKey: authority.signingKey,
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      await keyIdentifierOf(authority),
      new Extension(CRL_NUMBER, false, toInteger(previous ? numberOf(previous) + 1n : 1n)),
    ],
  })
  return toPem(crl)
}

/**
 * RFC 5280 §5.3.1 wants no reason rather than `unspecified`. But for an entry without extensions the library writes an empty
 * list of them, which DER does not allow (§5.1), so such an entry gets an invalidity date.
 */
function toEntry(serialNumber: string, revocationDate: Date, reason: X509CrlReason) {
  const entry = { serialNumber, revocationDate }
  return reason === X509CrlReason.unspecified
    ? { ...entry, invalidity: revocationDate }
    : { ...entry, reason }
}

function reasonOf(reason: string | undefined): X509CrlReason {
  const known = REVOCATION_REASONS.find((name) => name === reason)
  return X509CrlReason[known ?? 'privilegeWithdrawn']
}

/** Whether the authority of `certificate`, PEM, has signed a list. */
export async function isCrlSignedBy(list: string, certificate: string): Promise<boolean> {
  const { publicKey } = new X509Certificate(certificate)
  return new X509Crl(list).verify({ publicKey }).catch(() => false)
}

/** The library's own PEM says `BEGIN CRL`, which OpenSSL does not read (RFC 7468 §6). */
function toPem(crl: X509Crl): string {
  const lines =
    Buffer.from(crl.rawData)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n')
}

function numberOf(crl: string): bigint {
  const extension = new X509Crl(crl).getExtension(CRL_NUMBER)
  if (!extension) return 0n
  return BigInt(`0x${Buffer.from(extension.value).subarray(2).toString('hex')}`)
}

/** A positive number of at most 20 octets (RFC 5280 §5.2.3) as a DER INTEGER. */
function toInteger(value: bigint): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16)
  const digits = hex.length % 2 === 0 ? hex : `0${hex}`
  const content = /^[89a-f]/.test(digits) ? `00${digits}` : digits
  return Uint8Array.from([0x02, content.length / 2, ...Buffer.from(content, 'hex')])
}
