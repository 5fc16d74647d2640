import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { codeOf, messageOf, UsageError } from '../errors.ts'

export interface TrustFiles {
  /** CA certificates that device certificates descend from, PEM; a file, or a folder as `openssl rehash` leaves it. */
  readonly caFile: string
  /** The gateway's own certificate, followed by its chain if it has one, PEM. */
  readonly certFile: string
  readonly keyFile: string
  readonly crlFile?: string | undefined
  /** Lowest TLS version. */
  readonly tlsVersion?: '1.2' | '1.3'
  /** OpenSSL's cipher list. */
  readonly ciphers?: string | undefined
}

/** A certificate revocation list as its CA last signed it; times in milliseconds since the Unix epoch. */
export interface RevocationList {
  readonly thisUpdate: number
  /** When the next one is due; OpenSSL trusts no device after it. */
  readonly nextUpdate: number
  /** `serial` in upper-case hexadecimal. */
  isRevoked(serial: string): boolean
}

/** One consistent reading of the trust files. */
export interface Trust {
  readonly context: SecureContextOptions
  /** The gateway's own certificate. */
  readonly certificate: X509Certificate
  /** The CA certificate that is the first to expire. */
  readonly authority: X509Certificate
  readonly revocations: RevocationList | null
}

/** Reads and checks the trust files. Throws a UsageError that names the file and what is wrong with it. */
export async function loadTrust(
  files: TrustFiles,
  readRevocations: (pem: string) => RevocationList,
): Promise<Trust> {
  const [ca, cert, key, crl] = await allRead([
    readAuthorities(files.caFile),
    read(files.certFile, "the gateway's certificate"),
    read(files.keyFile, "the gateway's private key"),
    files.crlFile === undefined ? null : read(files.crlFile, 'the revocation list'),
  ])
  const authorities = certificatesIn(ca, files.caFile)
  const certificate = certificatesIn(cert, files.certFile)[0] as X509Certificate
  if (!certificate.checkPrivateKey(privateKeyIn(key, files.keyFile)))
    throw new UsageError(
      `${files.keyFile}: this private key does not belong to the certificate in ${files.certFile}`,
    )
  const context = {
    ca,
    cert,
    key,
    ...(crl === null ? {} : { crl }),
    // TLS 1.2 is the floor; what OpenSSL calls weak stays out
    minVersion: files.tlsVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ...(files.ciphers === undefined ? {} : { ciphers: files.ciphers }),
  } as const
  usable(files.caFile, () => createSecureContext({ ca }))
  usable(files.certFile, () => createSecureContext({ cert, key }))
  const revocations = crl === null ? null : usable(files.crlFile, () => readRevocations(crl))
  usable(files.crlFile, () => createSecureContext(crl === null ? {} : { crl }))
  usable('WOTT_CIPHERS', () => createSecureContext(context))
  const [authority] = authorities.toSorted((a, b) => Date.parse(a.validTo) - Date.parse(b.validTo))
  return { context, certificate, authority: authority as X509Certificate, revocations }
}

/** What `use` makes of a file; what OpenSSL says against it is said with the file's name. */
function usable<T>(file: string | undefined, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`)
  }
}

const HINT = 'WOTT_CERTS_DIR names the folder; "wott-gateway init" makes one to try things with'

/** All of them, or one UsageError that names everything that is wrong. */
async function allRead<T extends (Promise<string> | null)[]>(reading: readonly [...T]) {
  const results = await Promise.allSettled(reading)
  const problems = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason] : [],
  )
  if (problems.length > 0) throw new UsageError([...problems.map(messageOf), HINT].join('\n'))
  return (await Promise.all(reading)) as { [I in keyof T]: Awaited<T[I]> }
}

async function read(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch (error) {
    const code = codeOf(error)
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'this user may not read it'
          : messageOf(error)
    throw new UsageError(`${file}: ${why}; it should hold ${what}`)
  }
}

/** What OpenSSL finds certificates by in a folder: the hash of their subject. */
const HASHED = /^[0-9a-f]{8}\.\d+$/

async function readAuthorities(path: string): Promise<string> {
  const what = 'CA certificates'
  const names = await readdir(path).catch(() => null)
  if (names === null) return read(path, what)
  const hashed = names.filter((name) => HASHED.test(name))
  if (hashed.length === 0)
    throw new UsageError(`${path}: no file in this folder has a name that "openssl rehash" gives`)
  const texts = await Promise.all(hashed.map((name) => read(join(path, name), what)))
  return texts.join('\n')
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesIn(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(PEM_CERTIFICATE)
  if (!blocks) throw new UsageError(`${file}: there is no PEM certificate in this file`)
  if (blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1)
    throw new UsageError(`${file}: one of its certificates is cut off or garbled`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    throw new UsageError(`${file}: this certificate cannot be read: ${messageOf(error)}`)
  }
}

function privateKeyIn(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    const locked = pem.includes('ENCRYPTED')
    throw new UsageError(
      `${file}: ${locked ? 'the private key is encrypted, and the gateway has nobody to ask for its passphrase' : 'there is no PEM private key in this file'}`,
    )
  }
}
