import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { sha256 } from './fingerprints.ts'
import type { Layout } from './layout.ts'
import { type IssuedEntry, readRotations } from './ledger.ts'

/** A CA in force, as read from its files. */
export interface InForce {
  /** SHA-256 of its certificate in DER, lower-case hexadecimal. */
  readonly fingerprint: string
  /** PEM. */
  readonly pem: string
  readonly certificate: X509Certificate
  /** Where its private key is. */
  readonly keyFile: string
}

/**
 * The CAs in force: the first signed the gateway's certificate, the last signs the devices'. Outside a rotation they are the
 * same one.
 */
export type AuthoritiesInForce = readonly [InForce, ...InForce[]]

/** The replacement of a CA by another one, under way or finished; after a crash, some of its steps may be missing. */
export interface Rotation {
  readonly state: 'started' | 'finished'
  /** When it began or finished, in milliseconds since the Unix epoch. */
  readonly since: number
  readonly next: InForce
  /** SHA-256 of the old CA's certificate. */
  readonly replaces: string
}

/** Null while no CA is being replaced. */
export async function readRotation({ authority }: Layout): Promise<Rotation | null> {
  if (!exists(authority.next.directory)) return null
  const next = await readFirst(authority.next)
  const lines = await readRotations(authority.ledger)
  const last = lines.findLast(({ issuer }) => issuer === next.fingerprint)
  if (!last)
    throw new UsageError(
      `${authority.next.directory} is not in the ledger: restore a copy of the ledger, or move that folder away`,
    )
  const state = last.event === 'rotation-started' ? 'started' : 'finished'
  return { state, since: Date.parse(last.time), next, replaces: last.replaces }
}

/** Rejects with `UsageError` where the files cannot be used. */
export async function authoritiesInForce(layout: Layout): Promise<AuthoritiesInForce> {
  const rotation = await readRotation(layout)
  // the old CA may still be in ca.crt, but is about to be removed
  if (rotation?.state === 'finished') return [rotation.next]
  const current = await readFirst(layout.authority)
  return rotation ? [current, rotation.next] : [current]
}

/** The certificates of the CAs in force, PEM, with which certificates of devices and of the gateway are verified. */
export async function trustedCertificates(layout: Layout): Promise<string[]> {
  return (await authoritiesInForce(layout)).map(({ pem }) => pem)
}

/** The CA that signs the certificates of devices. */
export function newestOf(authorities: AuthoritiesInForce): InForce {
  return authorities.at(-1) ?? authorities[0]
}

/** Whether `authority` issued the certificate. */
export function isFrom({ issuer }: IssuedEntry, { fingerprint }: InForce): boolean {
  return issuer === null || issuer === fingerprint
}

/** SHA-256 of a certificate in DER, lower-case hexadecimal. */
export function fingerprintOf(pem: string): string {
  return sha256(new X509Certificate(pem).raw)
}

interface AuthorityPaths {
  readonly certificate: string
  readonly key: string
}

async function readFirst({ certificate: path, key }: AuthorityPaths): Promise<InForce> {
  const [pem] = certificatesIn(await readFile(path, 'utf8'))
  if (pem === undefined)
    throw new UsageError(
      `${path}: this file contains no PEM certificate; restore a copy of the file`,
    )
  const certificate = read(path, pem)
  return { fingerprint: sha256(certificate.raw), pem, certificate, keyFile: key }
}

function read(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new UsageError(
      `${path}: this file contains no PEM certificate; restore a copy of the file`,
      { cause: error },
    )
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g

/** Each with a line feed at its end. */
export function certificatesIn(text: string): string[] {
  return (text.match(PEM_CERTIFICATE) ?? []).map((pem) => (pem.endsWith('\n') ? pem : `${pem}\n`))
}
