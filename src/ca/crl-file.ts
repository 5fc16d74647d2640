import { readFile } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { messageOf, UsageError } from '../errors.ts'
import type { Layout } from './layout.ts'
import type { IssuedEntry } from './ledger.ts'
import { type Crl, readCrl } from './read-crl.ts'

/** The revocation list on disk, or null where there is none. */
export async function readCrlFile(
  layout: Layout,
): Promise<(Crl & { readonly pem: string }) | null> {
  const { crl } = layout.authority
  if (!exists(crl)) return null
  const pem = await readFile(crl, 'utf8')
  try {
    return { ...readCrl(pem), pem }
  } catch (error) {
    throw new UsageError(`${crl} ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Signs a new list where there is none, or where it lacks something that `issued` has as revoked. Resolves with
 * whether it did. Nothing ever leaves the list.
 */
export async function ensureCrl(
  layout: Layout,
  issued: readonly IssuedEntry[],
  now: number,
): Promise<boolean> {
  const crl = await readCrlFile(layout)
  const revoked = issued.flatMap(({ serial, revokedAt }): [string, number][] =>
    revokedAt === null ? [] : [[serial, revokedAt]],
  )
  if (crl && revoked.every(([serial]) => crl.isRevoked(serial))) return false
  const { writeCrl } = await import('./signing.ts')
  await writeCrl(layout, new Map(revoked), crl?.pem, now)
  return true
}
