import { type Authority, keyIdentifierOf } from './authority.ts'
import { ECDSA_SHA256 } from './p256.ts'
import { readCrl } from './read-crl.ts'
import { CLOCK_SKEW_MS } from './validity.ts'
import { Extension, X509Crl, X509CrlGenerator, X509CrlReason } from './x509.ts'

export interface CrlOptions {
  /** Serial numbers and when each was revoked, in milliseconds since the Unix epoch. */
  readonly revoked?: ReadonlyMap<string, number>
  /** The list that this one follows, PEM: what it revokes stays revoked, and the number counts on from its own. */
  readonly previous?: string
  /** In milliseconds since the Unix epoch; default five minutes ago. */
  readonly thisUpdate?: number
  /** In milliseconds since the Unix epoch; default the authority's own end. */
  readonly nextUpdate?: number
}

const CRL_NUMBER = '2.5.29.20'

/** Signs a version 2 revocation list, in PEM. */
export async function createCrl(authority: Authority, options: CrlOptions = {}): Promise<string> {
  const { previous, thisUpdate = Date.now() - CLOCK_SKEW_MS } = options
  const revoked = new Map([
    ...(options.revoked ?? []),
    // its dates win: a certificate does not become trusted again for the time between
    ...(previous ? readCrl(previous).revoked : []),
  ])
  const crl = await X509CrlGenerator.create({
    issuer: authority.issuer.subjectName,
    thisUpdate: new Date(thisUpdate),
    // TLS refuses every device once the list is out of date, and at home nothing runs every night to sign a new
    // one. A revocation does not wait for that date: it writes a new list, and the gateway watches the file.
    nextUpdate: new Date(options.nextUpdate ?? authority.notAfter),
    entries: [...revoked].map(([serialNumber, time]) => ({
      serialNumber,
      revocationDate: new Date(time),
      // without any, the library writes an empty list of extensions, which DER has no place for (RFC 5280 §5.1)
      reason: X509CrlReason.privilegeWithdrawn,
    })),
    signingKey: authority.signingKey,
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      await keyIdentifierOf(authority),
      new Extension(CRL_NUMBER, false, toInteger(previous ? numberOf(previous) + 1n : 1n)),
    ],
  })
  return toPem(crl)
}

/** The library's own PEM says `BEGIN CRL`, which OpenSSL does not know (RFC 7468 §6). */
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
