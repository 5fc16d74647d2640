import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { ensureCrl } from './crl-file.ts'
import { GATEWAY_ID, randomDeviceName, toDeviceId, toDeviceName } from './device-id.ts'
import type { IdentityFiles } from './identity-files.ts'
import { readIssued } from './issued.ts'
import { deviceFiles, type Layout, openLayout } from './layout.ts'
import { appendToLedger, type IssuedEntry, readLedger } from './ledger.ts'
import { DEVICE_DAYS } from './own-identities.ts'
import type { NewIdentity } from './signing.ts'

/** A device and the last certificate that was issued to it. Times in milliseconds since the Unix epoch. */
export interface Device {
  /** WoTT ID. */
  readonly id: string
  /** `kitchen` for `kitchen.d.wott.local`, otherwise the ID. */
  readonly name: string
  /** Where its files were put; a person may have moved them to the device. */
  readonly directory: string
  /** Upper-case hexadecimal. */
  readonly serial: string
  readonly notAfter: number
  /** Null while it is not revoked. */
  readonly revokedAt: number | null
}

export interface IssueOptions {
  /** Validity of the certificate; default 365. */
  readonly days?: number
  /** When it happens, in milliseconds since the Unix epoch; default now. */
  readonly now?: number
}

export interface Revocation {
  /** WoTT ID. */
  readonly id: string
  /** Every serial number that was not revoked before; a renewed device has several. */
  readonly serials: readonly string[]
}

const MAX_DAYS = 3650

/**
 * Issues a certificate to a new device. `name` is a short name or a full WoTT ID, by default a random one; one whose
 * certificates are all revoked or expired is free again. Rejects with `UsageError` for what the person can mend.
 */
export async function addDevice(
  directory: string,
  name: string = randomDeviceName(),
  { days = DEVICE_DAYS, now = Date.now() }: IssueOptions = {},
): Promise<Device> {
  const id = toDeviceId(name)
  requireDays(days)
  const layout = openLayout(directory)
  const files = deviceFiles(layout, toDeviceName(id))
  return change(layout, async () => {
    // host names, and the file systems of Windows and macOS, know no case
    const same = (await readIssued(layout)).filter((entry) => sameName(entry.id, id))
    requireFree(id, same, now)
    await requireReplaceable(files, same.length > 0)
    return issueTo(layout, { id, via: 'add', days }, now)
  })
}

/**
 * Issues a further certificate, with a new key, to a device that is not revoked. The one that it has is good until its
 * own end. Rejects with `UsageError` for what the person can mend.
 */
export async function renewDevice(
  directory: string,
  idOrName: string,
  { days = DEVICE_DAYS, now = Date.now() }: IssueOptions = {},
): Promise<Device> {
  requireDays(days)
  const layout = openLayout(directory)
  return change(layout, async () => {
    const { id, name, revokedAt } = findDevice(
      toDevices(layout, await readIssued(layout)),
      idOrName,
    )
    if (revokedAt !== null)
      throw new UsageError(`${id} is revoked: add it again ("wott-gateway device add ${name}")`)
    await requireReplaceable(deviceFiles(layout, name), true)
    return issueTo(layout, { id, via: 'renew', days }, now)
  })
}

async function issueTo(layout: Layout, identity: NewIdentity, now: number): Promise<Device> {
  const { makeIdentityDirectory } = await import('./signing.ts')
  const { id } = identity
  const files = deviceFiles(layout, toDeviceName(id))
  const { serial, notAfter } = await makeIdentityDirectory(layout, files, identity, now)
  return toDevice(layout, { id, serial, notAfter, revokedAt: null })
}

/**
 * Puts every certificate of a device on the revocation list; a second time does nothing. Rejects with `UsageError`
 * for a device that it does not know.
 */
export async function revokeDevice(
  directory: string,
  idOrName: string,
  { now = Date.now() }: { readonly now?: number } = {},
): Promise<Revocation> {
  const layout = openLayout(directory)
  return change(layout, async () => {
    const ledger = await readLedger(layout.authority.ledger)
    const { id } = findDevice(toDevices(layout, ledger), idOrName)
    const valid = ledger.filter((entry) => entry.id === id && entry.revokedAt === null)
    // the list before the ledger: a crash in between must not leave a device that is revoked on paper only
    const revoked = valid.map((entry) => ({ ...entry, revokedAt: now }))
    await ensureCrl(layout, [...ledger, ...revoked], now)
    const time = new Date(now).toISOString()
    const serials = valid.map(({ serial }) => serial)
    await appendToLedger(
      layout.authority.ledger,
      serials.map((serial) => ({ event: 'revoked', time, id, serial })),
    )
    return { id, serials }
  })
}

/** Every device, in the order in which they were first added; the gateway itself is none. */
export async function listDevices(directory: string): Promise<Device[]> {
  const layout = openLayout(directory)
  return toDevices(layout, await readIssued(layout))
}

function toDevices(layout: Layout, issued: readonly IssuedEntry[]): Device[] {
  const last = new Map(issued.map((entry) => [entry.id, entry]))
  last.delete(GATEWAY_ID)
  return [...last.values()].map((entry) => toDevice(layout, entry))
}

function toDevice(
  layout: Layout,
  { id, serial, notAfter, revokedAt }: Pick<Device, 'id' | 'serial' | 'notAfter' | 'revokedAt'>,
): Device {
  const name = toDeviceName(id)
  return { id, serial, notAfter, revokedAt, name, directory: deviceFiles(layout, name).directory }
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function requireDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
    throw new UsageError(`a certificate is valid for a whole number of days from 1 to ${MAX_DAYS}`)
}

function requireFree(id: string, issued: readonly IssuedEntry[], now: number): void {
  if (sameName(id, GATEWAY_ID)) throw new UsageError(`${id} is the gateway itself`)
  const holder = issued.find(({ revokedAt, notAfter }) => revokedAt === null && notAfter > now)
  if (holder)
    throw new UsageError(
      `${holder.id} has a certificate until ${new Date(holder.notAfter).toISOString()}: renew it ("wott-gateway device renew ${toDeviceName(holder.id)}"), revoke it first ("wott-gateway device revoke ${toDeviceName(holder.id)}"), or choose another name`,
    )
}

/** What a name that is free again has left behind may go, but nothing that came from elsewhere. */
async function requireReplaceable(files: IdentityFiles, known: boolean): Promise<void> {
  if (!exists(files.directory)) return
  const ours = known ? Object.values(files).map((path) => basename(path)) : []
  const foreign = (await readdir(files.directory)).find((name) => !ours.includes(name))
  if (foreign !== undefined)
    throw new UsageError(`${join(files.directory, foreign)} is in the way: move it elsewhere`)
}

function findDevice(devices: readonly Device[], idOrName: string): Device {
  const found = devices.find(({ id, name }) => id === idOrName || name === idOrName)
  if (found) return found
  if (idOrName === GATEWAY_ID || idOrName === toDeviceName(GATEWAY_ID))
    throw new UsageError(`${GATEWAY_ID} is the gateway itself, not a device`)
  const known = devices.map(({ id }) => id).join(', ') || 'none'
  throw new UsageError(`there is no device ${JSON.stringify(idOrName)}; known devices: ${known}`)
}
