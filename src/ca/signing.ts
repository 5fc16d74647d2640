import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import {
  finishDirectory,
  PRIVATE_FILE,
  PUBLIC_FILE,
  prepareDirectory,
  replaceFile,
} from '../disk/files.ts'
import { messageOf, UsageError } from '../errors.ts'
import { type Authority, createAuthority, loadAuthority } from './authority.ts'
import { type CrlOptions, createCrl } from './crl.ts'
import { GATEWAY_ID } from './device-id.ts'
import { fingerprintsOf } from './fingerprints.ts'
import { combinedContents, type IdentityFiles, identityContents } from './identity-files.ts'
import {
  authoritiesInForce,
  type InForce,
  newestOf,
  readRotation,
  trustedCertificates,
} from './in-force.ts'
import { type Certified, type Issued, issue } from './issue.ts'
import type { Layout } from './layout.ts'
import { appendToLedger } from './ledger.ts'
import type { IssuedLine, Via } from './ledger-line.ts'
import { CLOCK_SKEW_MS } from './validity.ts'

// The operations that need the certificate library; others import this file only when they have to sign.

/** The identity to issue; `days` is how long its certificate is valid. */
export interface NewIdentity {
  readonly id: string
  readonly via: Via
  /** Further alternative names, host names and IP addresses alike. */
  readonly names?: readonly string[]
  readonly days: number
}

/** Makes a CA with an empty revocation list and an empty ledger. `now`: milliseconds since the Unix epoch. */
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

/** Issues a certificate with a new key into `files.directory`, replacing the files there. */
export async function makeIdentityDirectory(
  layout: Layout,
  files: IdentityFiles,
  identity: NewIdentity,
  now: number,
): Promise<Issued> {
  const trusted = (await trustedCertificates(layout)).join('')
  const issued = await issueTo(await authorityFor(layout, identity), identity, now)
  await prepareDirectory(files.directory, identityContents(files, trusted, issued))
  await recordIssued(layout, identity, issued, now)
  await finishDirectory(files.directory)
  return issued
}

/**
 * Issues a new certificate for the existing key. The key stays: two files cannot change in one step, and a gateway that reads a
 * key and a certificate that do not match cannot start.
 */
export async function renewIdentityDirectory(
  layout: Layout,
  files: IdentityFiles,
  identity: NewIdentity,
  now: number,
): Promise<Issued> {
  const key = await readFile(files.key, 'utf8')
  const issued = await issueTo(await authorityFor(layout, identity), identity, now, key)
  await recordIssued(layout, identity, issued, now)
  // the certificate last: while it is the old one, the renewal is still due and is tried again
  await replaceFile(combinedContents(files, issued))
  await replaceFile({ path: files.certificate, text: issued.certificate, mode: PUBLIC_FILE })
  return issued
}

/** Signs a new revocation list, PEM. */
export async function signCrl(
  authority: InForce,
  options: CrlOptions,
  now: number,
): Promise<string> {
  return createCrl(await load(authority), { ...options, thisUpdate: now - CLOCK_SKEW_MS })
}

/** The CA that signs certificates of devices: the newest. Rejects with `UsageError` where its files cannot be used. */
export async function openAuthority(layout: Layout): Promise<Authority> {
  try {
    await untilTrusted(layout)
    return await load(newestOf(await authoritiesInForce(layout)))
  } catch (error) {
    throw unusable(layout, error)
  }
}

/** Gateways look at their files every second. */
const TRUSTED_AFTER_MS = 3_000

/** Waits until running gateways have read a new CA: a device that uses a certificate of it earlier would be refused. */
async function untilTrusted(layout: Layout): Promise<void> {
  const rotation = await readRotation(layout)
  if (rotation?.state !== 'started') return
  const wait = rotation.since + TRUSTED_AFTER_MS - Date.now()
  // limits the wait where the clock was set back
  if (wait > 0) await setTimeout(Math.min(wait, TRUSTED_AFTER_MS))
}

/** The gateway's certificate is from the oldest CA, which devices trust even if they do not know the newest yet. */
async function authorityFor(layout: Layout, { id }: NewIdentity): Promise<Authority> {
  if (id !== GATEWAY_ID) return openAuthority(layout)
  try {
    return await load((await authoritiesInForce(layout))[0])
  } catch (error) {
    throw unusable(layout, error)
  }
}

async function load({ pem, keyFile }: InForce): Promise<Authority> {
  return loadAuthority(pem, await readFile(keyFile, 'utf8'))
}

function unusable({ authority }: Layout, error: unknown): UsageError {
  return new UsageError(`${authority.directory} cannot be used to sign: ${messageOf(error)}`, {
    cause: error,
  })
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

/** Writes a certificate to the ledger before anybody gets it: one that is not there cannot be revoked. */
export async function recordIssued(
  layout: Layout,
  by: { readonly id: string; readonly via: Via; readonly address?: string },
  issued: Certified,
  now: number,
): Promise<void> {
  const line: IssuedLine = {
    event: 'issued',
    time: new Date(now).toISOString(),
    id: by.id,
    serial: issued.serial,
    notAfter: new Date(issued.notAfter).toISOString(),
    ...fingerprintsOf(issued.certificate),
    via: by.via,
    issuer: issued.issuer,
    ...(by.address === undefined ? {} : { address: by.address }),
  }
  await appendToLedger(layout.authority.ledger, [line])
}
