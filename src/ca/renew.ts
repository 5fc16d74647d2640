import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { readIssued } from './issued.ts'
import { type Layout, openLayout } from './layout.ts'
import { gatewayIdentity, type OwnIdentity, sampleIdentities } from './own-identities.ts'
import { namesOf, readCertificate, readOwn } from './read-certificate.ts'
import { DAY_MS } from './validity.ts'

export interface Renewed {
  /** WoTT ID. */
  readonly id: string
  readonly directory: string
  /** In milliseconds since the Unix epoch. */
  readonly notAfter: number
}

// a month of starts in which something else may go wrong first
const BEFORE_THE_END_MS = 30 * DAY_MS

/**
 * Renews the gateway's certificate and those of the sample devices where they end within 30 days; other devices are
 * left to whoever added them. A key stays, a revoked device stays revoked. Rejects with `UsageError` where the
 * authority itself has ended.
 */
export async function renewExpiring(
  directory: string,
  { now = Date.now() }: { readonly now?: number } = {},
): Promise<Renewed[]> {
  const layout = openLayout(directory)
  const { validToDate, validTo } = await readCertificate(layout.authority.certificate)
  const end = validToDate.getTime()
  if (end <= now)
    throw new UsageError(
      `the device CA in ${directory} ended on ${validTo}, and all that it issued with it: move the directory away and run init again`,
    )
  // what already lasts as long as the authority gains nothing
  const due = Math.min(now + BEFORE_THE_END_MS, end)
  if ((await expiring(layout, due)).length === 0) return []
  return change(layout, async () => {
    const { renewIdentityDirectory } = await import('./signing.ts')
    const renewed: Renewed[] = []
    for (const { id, files, days } of await expiring(layout, due)) {
      const names = namesOf(await readOwn(files))
      const identity = { id, names, days, via: 'renew' } as const
      const { notAfter } = await renewIdentityDirectory(layout, files, identity, now)
      renewed.push({ id, directory: files.directory, notAfter })
    }
    return renewed
  })
}

async function expiring(layout: Layout, due: number): Promise<OwnIdentity[]> {
  const issued = await readIssued(layout)
  // neither a revoked certificate nor one that a person put there from another authority
  const ours = new Set(
    issued.filter(({ revokedAt }) => revokedAt === null).map(({ serial }) => serial),
  )
  const found: OwnIdentity[] = []
  for (const identity of [gatewayIdentity(layout), ...sampleIdentities(layout)]) {
    const { certificate, key } = identity.files
    if (!exists(certificate) || !exists(key)) continue
    const { serialNumber, validToDate } = await readOwn(identity.files)
    if (validToDate.getTime() < due && ours.has(serialNumber)) found.push(identity)
  }
  return found
}
