import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf, UsageError, whyUnreadable } from '../errors.ts'
import { type Certificate, readCertificate } from '../x509/certificate.ts'
import { readBlocks } from '../x509/pem.ts'

/** What device certificates are verified by. */
export interface AuthorityFiles {
  /** CA certificates that device certificates descend from; a file, or a folder as `openssl rehash` leaves it. */
  readonly caFile: string
  readonly crlFile?: string | undefined
  /** Whether devices are let in by a revocation list that should have been renewed. */
  readonly crlExpired?: 'refuse' | 'allow'
}

export interface TrustFiles extends AuthorityFiles {
  /** The gateway's own certificate, followed by its chain if it has one. */
  readonly certFile: string
  readonly keyFile: string
  /** Lowest TLS version. */
  readonly tlsVersion?: '1.2' | '1.3'
  /** OpenSSL's cipher list. */
  readonly ciphers?: string | undefined
}

/** The bytes of one file, and its path. */
interface Content {
  readonly file: string
  readonly bytes: Buffer
}

/** Reads only what devices are verified by. Rejects with one UsageError that names everything that is wrong. */
export async function readAuthorityFiles({ caFile, crlFile }: AuthorityFiles) {
  const [authorities, lists] = await allRead([readAuthorities(caFile), readLists(crlFile)])
  return { authorities: authorities.flatMap(certificatesIn), lists }
}

/** Reads all files at once. Rejects with one UsageError that names everything that is wrong. */
export async function readTrustFiles(files: TrustFiles) {
  const [authorities, certificate, key, lists] = await allRead([
    readAuthorities(files.caFile),
    read(files.certFile, "the gateway's certificate"),
    read(files.keyFile, "the gateway's private key"),
    readLists(files.crlFile),
  ])
  return {
    authorities: authorities.flatMap(certificatesIn),
    chain: certificatesIn(certificate),
    key: { text: key.bytes.toString('latin1'), object: privateKeyIn(key) },
    lists,
  }
}

/** Calls `use`; an error gets the file's name in front of its message. */
export function usable<T>(file: string | undefined, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`, { cause: error })
  }
}

const HINT = 'WOTT_CERTS_DIR names the folder; "wott-gateway init" creates one'

async function allRead<T extends (Promise<unknown> | null)[]>(reading: readonly [...T]) {
  const results = await Promise.allSettled(reading)
  const problems: unknown[] = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason] : [],
  )
  if (problems.length > 0)
    throw new UsageError([...problems.map(messageOf), HINT].join('\n'), { cause: problems[0] })
  return (await Promise.all(reading)) as { [I in keyof T]: Awaited<T[I]> }
}

async function read(file: string, what: string): Promise<Content> {
  try {
    return { file, bytes: await readFile(file) }
  } catch (error) {
    throw new UsageError(`${file}: ${whyUnreadable(error)}; it should contain ${what}`, {
      cause: error,
    })
  }
}

function readLists(file: string | undefined): Promise<Content> | null {
  return file === undefined ? null : read(file, 'the revocation list')
}

/** What OpenSSL finds certificates by in a folder: the hash of their subject. */
const HASHED = /^[0-9a-f]{8}\.\d+$/

async function readAuthorities(path: string): Promise<Content[]> {
  const what = 'CA certificates'
  const names = await readdir(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ENOENT') return null
    throw new UsageError(`${path}: ${messageOf(error)}; it should contain ${what}`, {
      cause: error,
    })
  })
  if (names === null) return [await read(path, what)]
  const hashed = names.filter((name) => HASHED.test(name)).sort()
  if (hashed.length === 0)
    throw new UsageError(`${path}: no file in this folder has a hash name: run "openssl rehash"`)
  return Promise.all(hashed.map((name) => read(join(path, name), what)))
}

function certificatesIn({ file, bytes }: Content): Certificate[] {
  const blocks = usable(file, () => readBlocks(bytes, ['CERTIFICATE', 'X509 CERTIFICATE']))
  if (blocks.length === 0) throw new UsageError(`${file}: this file contains no PEM certificate`)
  return blocks.map((der) => {
    try {
      return readCertificate(der)
    } catch (error) {
      throw new UsageError(`${file}: this certificate cannot be read: ${messageOf(error)}`)
    }
  })
}

function privateKeyIn({ file, bytes }: Content): KeyObject {
  try {
    return createPrivateKey(bytes)
  } catch {
    const locked = bytes.includes('ENCRYPTED')
    throw new UsageError(
      `${file}: ${locked ? 'the private key is encrypted: decrypt it, because the gateway cannot ask for a passphrase' : 'this file contains no PEM private key'}`,
    )
  }
}
