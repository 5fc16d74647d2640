import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { GATEWAY_ID } from './device-id.ts'
import { authoritiesInForce, isFrom, newestOf } from './in-force.ts'
import { readIssued } from './issued.ts'
import { type Layout, openLayout } from './layout.ts'
import { gatewayIdentity, type OwnIdentity, sampleIdentities } from './own-identities.ts'
import { namesOf, readOwn } from './read-certificate.ts'
import { DAY_MS } from './validity.ts'

/** An identity that has a new certificate. */
export interface Renewed {
  /** WoTT ID. */
  readonly id: string
  readonly directory: string
  /** In milliseconds since the Unix epoch. */
  readonly notAfter: number
}

// early enough that a month of failed or missed starts does no harm
const BEFORE_THE_END_MS = 30 * DAY_MS

/**
 * Renews the gateway's certificate and those of the sample devices where they expire within 30 days, or their CA is being
 * replaced; the person who added another device renews it. A key stays, and a revoked device stays revoked. Rejects with
 * `UsageError` where the authority itself has expired.
 */
export async function renewExpiring(
  directory: string,
  { now = Date.now() }: { readonly now?: number } = {},
): Promise<Renewed[]> {
  const layout = openLayout(directory)
  const { validToDate, validTo } = newestOf(await authoritiesInForce(layout)).certificate
  if (validToDate.getTime() <= now)
    throw new UsageError(
      `the device CA in ${directory} expired on ${validTo}, and with it all its certificates: move the directory away and run init again`,
    )
  if ((await expiring(layout, now)).length === 0) return []
  return change(layout, async () => {
    const { renewIdentityDirectory } = await import('./signing.ts')
    const renewed: Renewed[] = []
    for (const { id, files, days } of await expiring(layout, now)) {
      const names = namesOf(await readOwn(files))
      const identity = { id, names, days, via: 'renew' } as const
      const { notAfter } = await renewIdentityDirectory(layout, files, identity, now)
      renewed.push({ id, directory: files.directory, notAfter })
    }
    return renewed
  })
}

async function expiring(layout: Layout, now: number): Promise<OwnIdentity[]> {
  const issued = await readIssued(layout)
  const authorities = await authoritiesInForce(layout)
  // skips revoked certificates, and those that a person installed from another authority
  const ours = new Map(
    issued
      .filter(({ revokedAt }) => revokedAt === null)
      .map((entry) => [entry.serial, entry] as const),
  )
  const found: OwnIdentity[] = []
  for (const identity of [gatewayIdentity(layout), ...sampleIdentities(layout)]) {
    const { certificate, key } = identity.files
    if (!exists(certificate) || !exists(key)) continue
    const { serialNumber, validToDate } = await readOwn(identity.files)
    const held = ours.get(serialNumber)
    if (!held) continue
    const signer = identity.id === GATEWAY_ID ? authorities[0] : newestOf(authorities)
    // a certificate that lasts as long as the authority would gain nothing
    const due = Math.min(now + BEFORE_THE_END_MS, signer.certificate.validToDate.getTime())
    if (validToDate.getTime() < due || !isFrom(held, signer)) found.push(identity)
  }
  return found
}
