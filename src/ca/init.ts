import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { exists } from '../disk/exists.ts'
import { makePrivateDirectory, PUBLIC_FILE, replaceFile } from '../disk/files.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { ensureCrl } from './crl-file.ts'
import { gatewayNames } from './gateway-names.ts'
import { repairIdentity } from './identity-files.ts'
import { readIssued } from './issued.ts'
import { type Layout, layoutOf } from './layout.ts'
import { gatewayIdentity, type OwnIdentity, sampleIdentities } from './own-identities.ts'
import { namesOf, readOwn } from './read-certificate.ts'
import { SAMPLE_ACL } from './sample-acl.ts'

export interface InitOptions {
  /** Further host names and IP addresses under which devices and browsers reach the gateway. */
  readonly names?: readonly string[]
  /** The time of the operation, in milliseconds since the Unix epoch; default now. */
  readonly now?: number
}

/** What `initDirectory` has made. */
export interface Initialised {
  readonly layout: Layout
  /** The files and directories that were created. */
  readonly created: readonly string[]
  /** The names that were added to the gateway's certificate. */
  readonly added: readonly string[]
}

/**
 * Makes a device CA, the gateway's certificate, two devices and an ACL file. Existing files stay, except a certificate of the
 * gateway that lacks some of `names`; missing ones are made again. Rejects with `UsageError` where that is not possible.
 */
export async function initDirectory(
  directory: string,
  { names = [], now = Date.now() }: InitOptions = {},
): Promise<Initialised> {
  const gateway = { names: gatewayNames(names) }
  const layout = layoutOf(directory)
  makePrivateDirectory(layout.devices)
  return change(layout, async () => {
    const made = await ensureAuthority(layout, now)
    if (await ensureCrl(layout, await readIssued(layout), now)) made.push(layout.authority.crl)
    made.push(...(await ensureIdentity(layout, { ...gatewayIdentity(layout), ...gateway }, now)))
    const added = await ensureNames(layout, names, now)
    for (const sample of sampleIdentities(layout))
      made.push(...(await ensureIdentity(layout, sample, now)))
    made.push(...(await ensureFile(layout.acl, SAMPLE_ACL)))
    // in a checkout, this keeps the keys from being committed by mistake
    made.push(...(await ensureFile(layout.gitignore, '*\n')))
    return { layout, created: made, added }
  })
}

async function ensureAuthority(layout: Layout, now: number): Promise<string[]> {
  const { directory, certificate, key, ledger } = layout.authority
  if (exists(directory)) {
    const lost = [certificate, key, ledger].filter((path) => !exists(path))
    if (lost.length === 0) return []
    throw new UsageError(`${directory} is incomplete: restore ${lost.join(' and ')}`)
  }
  const orphan = [gatewayIdentity(layout), ...sampleIdentities(layout)]
    .map(({ files }) => files.directory)
    .find(exists)
  if (orphan)
    throw new UsageError(
      `${directory} is missing, but ${orphan} still exists: restore it, or move all of ${layout.directory} away to start again`,
    )
  const { makeAuthorityDirectory } = await import('./signing.ts')
  await makeAuthorityDirectory(layout, now)
  return [directory]
}

async function ensureIdentity(
  layout: Layout,
  identity: OwnIdentity & { readonly names?: readonly string[] },
  now: number,
): Promise<string[]> {
  const { id, files } = identity
  if (exists(files.directory))
    return repairIdentity(files, await readFile(layout.authority.certificate, 'utf8'))
  const last = (await readIssued(layout)).findLast((entry) => entry.id === id)
  // a person who revoked a sample device and deleted its files does not want it back
  if (last && last.revokedAt !== null) return []
  const { makeIdentityDirectory } = await import('./signing.ts')
  await makeIdentityDirectory(layout, files, { ...identity, via: 'init' }, now)
  return [files.directory]
}

/** Issues the gateway's certificate again where it lacks some of `names`; resolves with those. */
async function ensureNames(
  layout: Layout,
  names: readonly string[],
  now: number,
): Promise<string[]> {
  if (names.length === 0) return []
  const identity = gatewayIdentity(layout)
  const certificate = await readOwn(identity.files)
  const added = [...new Set(names)].filter((name) => !isFor(certificate, name))
  if (added.length === 0) return []
  const issued = await readIssued(layout)
  if (!issued.some(({ serial }) => serial === certificate.serialNumber))
    throw new UsageError(
      `${identity.files.certificate} was not issued by the CA in ${layout.directory}: get a certificate for ${added.join(', ')} from the CA that issued it`,
    )
  const { renewIdentityDirectory } = await import('./signing.ts')
  const all = [...namesOf(certificate), ...added]
  const renewed = { ...identity, names: all, via: 'init' } as const
  await renewIdentityDirectory(layout, identity.files, renewed, now)
  return added
}

function isFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined
}

async function ensureFile(path: string, text: string): Promise<string[]> {
  if (exists(path)) return []
  await replaceFile({ path, text, mode: PUBLIC_FILE })
  return [path]
}
