import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { UsageError } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { readLists } from '../x509/crl.ts'
import { type Authorities, isIssuedBy, type PathRules } from '../x509/path.ts'
import { toPem } from '../x509/pem.ts'
import { createRevocations } from '../x509/revocation.ts'
import {
  type AuthorityFiles,
  readAuthorityFiles,
  readTrustFiles,
  type TrustFiles,
  usable,
} from './trust-files.ts'

/** What devices are verified by, read at one moment. */
export interface DeviceTrust extends PathRules {
  readonly authorities: Authorities & { readonly all: readonly Certificate[] }
  /** Whether an expired revocation list shuts its devices out. */
  readonly crlExpired: 'refuse' | 'allow'
}

/** The trust files, read at one moment. */
export interface Trust extends DeviceTrust {
  readonly context: SecureContextOptions
  /** The gateway's own certificate. */
  readonly certificate: Certificate
}

/** Reads and checks what devices are verified by, without a certificate of the gateway's own. Throws a UsageError as `loadTrust` does. */
export async function loadDeviceTrust(files: AuthorityFiles): Promise<DeviceTrust> {
  return toDeviceTrust(files, await readAuthorityFiles(files))
}

/** Reads and checks the trust files. Throws a UsageError that names the file and what is wrong with it. */
export async function loadTrust(files: TrustFiles): Promise<Trust> {
  const { authorities, chain, key, lists } = await readTrustFiles(files)
  const [certificate] = chain as [Certificate]
  if (!certificate.x509().checkPrivateKey(key.object))
    throw new UsageError(
      `${files.keyFile}: this private key does not belong to the certificate in ${files.certFile}`,
    )
  const context = {
    ca: toText(authorities),
    cert: toText(chain),
    key: key.text,
    // at least TLS 1.2, with OpenSSL's default security level
    minVersion: files.tlsVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ...(files.ciphers === undefined ? {} : { ciphers: files.ciphers }),
    // no `crl`: OpenSSL would want a list of every CA up to the root, and refuse all devices without
  } as const
  usable(files.caFile, () => createSecureContext({ ca: context.ca }))
  usable(files.certFile, () => createSecureContext({ cert: context.cert, key: context.key }))
  usable('WOTT_CIPHERS', () => createSecureContext(context))
  return { ...toDeviceTrust(files, { authorities, lists }), context, certificate }
}

type Read = Awaited<ReturnType<typeof readAuthorityFiles>>

function toDeviceTrust(files: AuthorityFiles, { authorities, lists }: Read): DeviceTrust {
  const crlExpired = files.crlExpired ?? 'refuse'
  return {
    crlExpired,
    authorities: toAuthorities(authorities),
    revocations:
      lists &&
      createRevocations(
        usable(lists.file, () => readLists(lists.bytes)),
        { allowExpired: crlExpired === 'allow' },
      ),
  }
}

/** Encoded again, so that OpenSSL gets exactly the certificates that were read here. */
function toText(certificates: readonly Certificate[]): string {
  return certificates.map(({ der }) => toPem(der, 'CERTIFICATE')).join('')
}

/** As in OpenSSL, self-signed certificates are trust anchors, and others are only intermediates. */
function toAuthorities(all: readonly Certificate[]): DeviceTrust['authorities'] {
  const bySubject = Map.groupBy(all, ({ subject }) => subject)
  const anchors = new Set(all.filter(isSelfSigned).map(({ fingerprint }) => fingerprint))
  return {
    all,
    isAnchor: ({ fingerprint }) => anchors.has(fingerprint),
    named: (subject) => bySubject.get(subject) ?? [],
  }
}

/** A trusted certificate that is not a CA need not be allowed to sign. */
function isSelfSigned(certificate: Certificate): boolean {
  const { subject, issuer, isAuthority } = certificate
  if (subject !== issuer) return false
  const own = certificate.x509()
  return isAuthority ? isIssuedBy(certificate, certificate) : own.verify(own.publicKey)
}
