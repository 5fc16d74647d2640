import { readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { PUBLIC_FILE, replaceFile } from '../disk/files.ts'
import { messageOf, UsageError } from '../errors.ts'
import type { CrlOptions } from './crl.ts'
import { type AuthoritiesInForce, authoritiesInForce, type InForce, isFrom } from './in-force.ts'
import type { Layout } from './layout.ts'
import type { IssuedEntry } from './ledger.ts'
import { type Crl, readCrl } from './read-crl.ts'
import { DAY_MS } from './validity.ts'

/** A revocation list of one CA. */
export interface OwnList extends Crl {
  readonly pem: string
}

/** What the file of revocation lists holds. */
export interface CrlFile {
  readonly text: string
  /** By the fingerprint of the CA. A CA that is not in force has no list here. */
  readonly lists: ReadonlyMap<string, OwnList>
}

/** The revocation lists on disk, or null where there is no such file. */
export async function readCrlFile(
  { authority: { crl } }: Layout,
  authorities: AuthoritiesInForce,
): Promise<CrlFile | null> {
  if (!exists(crl)) return null
  const text = await readFile(crl, 'utf8')
  try {
    readCrl(text)
    const pems = text.match(PEM_LIST) ?? []
    const lists = pems.map((pem): OwnList => ({ ...readCrl(pem), pem }))
    return { text, lists: new Map(await byAuthority(lists, authorities)) }
  } catch (error) {
    throw new UsageError(`${crl} ${messageOf(error)}`, { cause: error })
  }
}

const PEM_LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----\n?/g

async function byAuthority(
  lists: readonly OwnList[],
  authorities: AuthoritiesInForce,
): Promise<[string, OwnList][]> {
  const [only] = lists
  const [authority] = authorities
  if (only && lists.length + authorities.length === 2) return [[authority.fingerprint, only]]
  // the library is slow to load, so it is loaded only when a signature has to be checked
  const { isCrlSignedBy } = await import('./crl.ts')
  const found: [string, OwnList][] = []
  for (const { fingerprint, pem } of authorities)
    for (const list of lists)
      if (await isCrlSignedBy(list.pem, pem)) found.push([fingerprint, list])
  return found
}

/**
 * Signs new lists where there are none, or where a list lacks a certificate that `issued` says is revoked. Resolves with
 * whether it signed any. An entry never leaves a list.
 */
export async function ensureCrl(
  layout: Layout,
  issued: readonly IssuedEntry[],
  now: number,
): Promise<boolean> {
  const authorities = await authoritiesInForce(layout)
  const file = await readCrlFile(layout, authorities)
  const pems: string[] = []
  for (const authority of authorities) {
    const list = file?.lists.get(authority.fingerprint)
    pems.push(await upToDate(list, authority, revokedBy(authority, issued), now))
  }
  const text = pems.join('')
  if (text === file?.text) return false
  await replaceFile({ path: layout.authority.crl, text, mode: PUBLIC_FILE })
  return true
}

type Revoked = Required<Pick<CrlOptions, 'revoked' | 'reasons'>>

/** A certificate that had expired before it was revoked is not listed: every door refuses it anyway. A day is added for clocks that are late. */
function revokedBy(authority: InForce, issued: readonly IssuedEntry[]): Revoked {
  const revoked = new Map<string, number>()
  const reasons = new Map<string, string>()
  for (const entry of issued) {
    const { serial, revokedAt, notAfter, reason } = entry
    if (revokedAt === null || notAfter + DAY_MS <= revokedAt || !isFrom(entry, authority)) continue
    revoked.set(serial, revokedAt)
    if (reason !== null) reasons.set(serial, reason)
  }
  return { revoked, reasons }
}

async function upToDate(
  list: OwnList | undefined,
  authority: InForce,
  revoked: Revoked,
  now: number,
): Promise<string> {
  if (list && [...revoked.revoked.keys()].every(list.isRevoked)) return list.pem
  const { signCrl } = await import('./signing.ts')
  return signCrl(authority, { ...revoked, previous: list?.pem }, now)
}
