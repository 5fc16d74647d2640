import { readFile } from 'node:fs/promises'
import {
  finishDirectory,
  PRIVATE_FILE,
  PUBLIC_FILE,
  prepareDirectory,
  replaceFile,
} from '../disk/files.ts'
import { messageOf, UsageError } from '../errors.ts'
import { type Authority, createAuthority, loadAuthority } from './authority.ts'
import { createCrl } from './crl.ts'
import { combinedContents, type IdentityFiles, identityContents } from './identity-files.ts'
import { type Issued, issue } from './issue.ts'
import type { Layout } from './layout.ts'
import { appendToLedger } from './ledger.ts'
import { CLOCK_SKEW_MS } from './validity.ts'

// The part of a directory's life that needs the certificate library; the rest imports this file when it has to sign.

export interface NewIdentity {
  readonly id: string
  /** Further alternative names, host names and IP addresses alike. */
  readonly names?: readonly string[]
  readonly days: number
}

export async function makeAuthorityDirectory(layout: Layout, now: number): Promise<void> {
  const { directory, certificate, key, crl, ledger } = layout.authority
  const authority = await createAuthority({ notBefore: now - CLOCK_SKEW_MS })
  const emptyCrl = await createCrl(authority, { thisUpdate: now - CLOCK_SKEW_MS })
  await prepareDirectory(directory, [
    { path: certificate, text: authority.certificate, mode: PUBLIC_FILE },
    { path: key, text: authority.key, mode: PRIVATE_FILE },
    { path: crl, text: emptyCrl, mode: PUBLIC_FILE },
    { path: ledger, text: '', mode: PRIVATE_FILE },
  ])
  await finishDirectory(directory)
}

/** Issues a certificate with a new key into `files.directory`, in the place of what is there. */
export async function makeIdentityDirectory(
  layout: Layout,
  files: IdentityFiles,
  identity: NewIdentity,
  now: number,
): Promise<Issued> {
  const authority = await openAuthority(layout)
  const issued = await issueTo(authority, identity, now)
  await prepareDirectory(files.directory, identityContents(files, authority.certificate, issued))
  // before anybody can use it: what is not in the ledger cannot be revoked
  await record(layout, identity.id, issued, now)
  await finishDirectory(files.directory)
  return issued
}

/**
 * Issues a new certificate for the key that is there. The key stays: two files cannot change in one step, and a
 * gateway that reads a key and a certificate which do not fit each other cannot start.
 */
export async function renewIdentityDirectory(
  layout: Layout,
  files: IdentityFiles,
  identity: NewIdentity,
  now: number,
): Promise<Issued> {
  const authority = await openAuthority(layout)
  const key = await readFile(files.key, 'utf8')
  const issued = await issueTo(authority, identity, now, key)
  await record(layout, identity.id, issued, now)
  // the certificate last: while it is the old one, the renewal is still due, and is tried again
  await replaceFile(combinedContents(files, issued))
  await replaceFile({ path: files.certificate, text: issued.certificate, mode: PUBLIC_FILE })
  return issued
}

/** Signs a new revocation list with `revoked` on top of what the `previous` one holds. */
export async function writeCrl(
  layout: Layout,
  revoked: ReadonlyMap<string, number>,
  previous: string | undefined,
  now: number,
): Promise<void> {
  const text = await createCrl(await openAuthority(layout), {
    revoked,
    ...(previous === undefined ? {} : { previous }),
    thisUpdate: now - CLOCK_SKEW_MS,
  })
  await replaceFile({ path: layout.authority.crl, text, mode: PUBLIC_FILE })
}

async function openAuthority({ authority }: Layout): Promise<Authority> {
  try {
    const certificate = await readFile(authority.certificate, 'utf8')
    const key = await readFile(authority.key, 'utf8')
    return loadAuthority(certificate, key)
  } catch (error) {
    throw new UsageError(`${authority.directory} cannot be used to sign: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

async function issueTo(
  authority: Authority,
  { id, names = [], days }: NewIdentity,
  now: number,
  key?: string,
): Promise<Issued> {
  return issue(authority, {
    commonName: id,
    names: [...new Set([id, ...names])],
    days,
    notBefore: now - CLOCK_SKEW_MS,
    ...(key === undefined ? {} : { key }),
  })
}

async function record(layout: Layout, id: string, issued: Issued, now: number): Promise<void> {
  await appendToLedger(layout.authority.ledger, [
    {
      event: 'issued',
      time: new Date(now).toISOString(),
      id,
      serial: issued.serial,
      notAfter: new Date(issued.notAfter).toISOString(),
    },
  ])
}
