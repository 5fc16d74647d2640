import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { ensureCrl } from './crl-file.ts'
import { GATEWAY_ID, randomDeviceName, toDeviceId, toDeviceName } from './device-id.ts'
import { type Device, deviceStateOf, devicesIn, findDevice } from './device-states.ts'
import type { IdentityFiles } from './identity-files.ts'
import { authoritiesInForce } from './in-force.ts'
import { readIssued } from './issued.ts'
import { deviceFiles, type Layout, openLayout } from './layout.ts'
import { appendToLedger, certificateOf, type IssuedEntry, readLedger } from './ledger.ts'
import type { RevocationReason } from './ledger-line.ts'
import { DEVICE_DAYS } from './own-identities.ts'
import type { NewIdentity } from './signing.ts'

export interface DeviceCertificateOptions {
  /** Validity of the certificate; default 365. */
  readonly days?: number
  /** The time of the operation, in milliseconds since the Unix epoch; default now. */
  readonly now?: number
}

/** What `revokeDevice` has revoked. */
export interface Revocation {
  /** WoTT ID. */
  readonly id: string
  /** Every serial number that was not revoked before; a renewed device has several. */
  readonly serials: readonly string[]
}

export interface RevokeOptions {
  /** Default privilegeWithdrawn. */
  readonly reason?: RevocationReason
  /** The time of the operation, in milliseconds since the Unix epoch; default now. */
  readonly now?: number
}

const MAX_DAYS = 3650

/**
 * Issues a certificate to a new device. `name` is a short name or a full WoTT ID, by default a random one. A name whose
 * certificates are all revoked or expired can be used again. Rejects with `UsageError` for what the person can correct.
 */
export async function addDevice(
  directory: string,
  name: string = randomDeviceName(),
  { days = DEVICE_DAYS, now = Date.now() }: DeviceCertificateOptions = {},
): Promise<Device> {
  const id = toDeviceId(name)
  requireDays(days)
  const layout = openLayout(directory)
  const files = deviceFiles(layout, toDeviceName(id))
  return change(layout, async () => {
    // host names, and the file systems of Windows and macOS, ignore case
    const same = (await readIssued(layout)).filter((entry) => sameName(entry.id, id))
    const authorities = await authoritiesInForce(layout)
    requireFree(
      id,
      same.filter((entry) => deviceStateOf(entry, authorities, now) === 'active'),
    )
    await requireReplaceable(files, same.length > 0)
    return issueTo(layout, { id, via: 'add', days }, now)
  })
}

/**
 * Issues a further certificate, with a new key, to a device that is not revoked. Its earlier certificate stays valid until it
 * expires. Rejects with `UsageError` for what the person can correct.
 */
export async function renewDevice(
  directory: string,
  idOrName: string,
  { days = DEVICE_DAYS, now = Date.now() }: DeviceCertificateOptions = {},
): Promise<Device> {
  requireDays(days)
  const layout = openLayout(directory)
  return change(layout, async () => {
    const { id, name, state } = findDevice(await devicesIn(layout, now), idOrName)
    if (state === 'revoked')
      throw new UsageError(`${id} is revoked: add it again ("wott-gateway device add ${name}")`)
    await requireReplaceable(deviceFiles(layout, name), true)
    return issueTo(layout, { id, via: 'renew', days }, now)
  })
}

async function issueTo(layout: Layout, identity: NewIdentity, now: number): Promise<Device> {
  const { makeIdentityDirectory } = await import('./signing.ts')
  const { id } = identity
  const files = deviceFiles(layout, toDeviceName(id))
  await makeIdentityDirectory(layout, files, identity, now)
  return findDevice(await devicesIn(layout, now), id)
}

/**
 * Puts every certificate of a device that has not expired on the revocation list. Does nothing when called again. Rejects with
 * `UsageError` for an unknown device.
 */
export async function revokeDevice(
  directory: string,
  idOrName: string,
  { reason = 'privilegeWithdrawn', now = Date.now() }: RevokeOptions = {},
): Promise<Revocation> {
  const layout = openLayout(directory)
  return change(layout, async () => {
    const ledger = await readLedger(layout.authority.ledger)
    const { id } = findDevice(await devicesIn(layout, now), idOrName)
    const valid = ledger.filter((entry) => entry.id === id && entry.revokedAt === null)
    // the list before the ledger: a crash in between must not leave a device that the ledger calls revoked but the doors accept
    const revoked = valid.map((entry) => ({ ...entry, revokedAt: now, reason }))
    await ensureCrl(layout, [...ledger, ...revoked], now)
    const time = new Date(now).toISOString()
    await appendToLedger(
      layout.authority.ledger,
      valid.map((entry) => ({ event: 'revoked', time, ...certificateOf(entry), reason })),
    )
    return { id, serials: valid.map(({ serial }) => serial) }
  })
}

/** Every device, in the order in which they were first added, without the gateway itself. */
export async function listDevices(directory: string, now = Date.now()): Promise<Device[]> {
  return devicesIn(openLayout(directory), now)
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function requireDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
    throw new UsageError(
      `the validity of a certificate must be a whole number of days from 1 to ${MAX_DAYS}`,
    )
}

function requireFree(id: string, [holder]: readonly IssuedEntry[]): void {
  if (sameName(id, GATEWAY_ID))
    throw new UsageError(`${id} is the gateway itself: choose another name`)
  if (holder)
    throw new UsageError(
      `${holder.id} has a certificate until ${new Date(holder.notAfter).toISOString()}: renew it ("wott-gateway device renew ${toDeviceName(holder.id)}"), revoke it first ("wott-gateway device revoke ${toDeviceName(holder.id)}"), or choose another name`,
    )
}

/** Files that an earlier device of this name left behind may be replaced, but no files that come from elsewhere. */
async function requireReplaceable(files: IdentityFiles, known: boolean): Promise<void> {
  if (!exists(files.directory)) return
  const ours = known ? Object.values(files).map((path) => basename(path)) : []
  const foreign = (await readdir(files.directory)).find((name) => !ours.includes(name))
  if (foreign !== undefined)
    throw new UsageError(`${join(files.directory, foreign)} already exists: move it away`)
}
