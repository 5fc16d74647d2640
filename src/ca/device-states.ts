import { UsageError } from '../errors.ts'
import { GATEWAY_ID, toDeviceName } from './device-id.ts'
import { type AuthoritiesInForce, authoritiesInForce, isFrom } from './in-force.ts'
import { readIssued } from './issued.ts'
import { deviceFiles, type Layout } from './layout.ts'
import type { IssuedEntry } from './ledger.ts'
import type { Via } from './ledger-line.ts'

/** A device and the last certificate that was issued to it. Times in milliseconds since the Unix epoch. */
export interface Device {
  /** WoTT ID. */
  readonly id: string
  /** `kitchen` for `kitchen.d.wott.local`, otherwise the ID. */
  readonly name: string
  /** Where its files were written; a person may have moved them to the device. */
  readonly directory: string
  /** Upper-case hexadecimal. */
  readonly serial: string
  readonly notAfter: number
  readonly state: DeviceState
  /** When the certificate was issued, and how; null where an old ledger does not say. */
  readonly issuedAt: number
  readonly via: Via | null
  /** Null while it is not revoked. */
  readonly revokedAt: number | null
  /** Null where it is not revoked, or no reason was given. */
  readonly reason: string | null
}

/** `untrusted`: issued by a CA that is no longer in force. */
export type DeviceState = 'active' | 'expired' | 'revoked' | 'untrusted'

/** Every device, in the order in which they were first added, without the gateway itself. */
export async function devicesIn(layout: Layout, now: number): Promise<Device[]> {
  const issued = await readIssued(layout)
  const authorities = await authoritiesInForce(layout)
  const last = new Map(issued.map((entry) => [entry.id, entry]))
  last.delete(GATEWAY_ID)
  return [...last.values()].map((entry) => {
    const { id, serial, notAfter, issuedAt, via, revokedAt, reason } = entry
    const name = toDeviceName(id)
    const { directory } = deviceFiles(layout, name)
    const state = deviceStateOf(entry, authorities, now)
    return { id, name, directory, serial, notAfter, state, issuedAt, via, revokedAt, reason }
  })
}

/** The state of an issued certificate at `now`, in milliseconds since the Unix epoch. */
export function deviceStateOf(
  entry: IssuedEntry,
  authorities: AuthoritiesInForce,
  now: number,
): DeviceState {
  if (entry.revokedAt !== null) return 'revoked'
  if (entry.notAfter <= now) return 'expired'
  return authorities.some((authority) => isFrom(entry, authority)) ? 'active' : 'untrusted'
}

/** Finds the device that a person names. Throws `UsageError` if there is none. */
export function findDevice(devices: readonly Device[], idOrName: string): Device {
  const found = devices.find(({ id, name }) => id === idOrName || name === idOrName)
  if (found) return found
  if (idOrName === GATEWAY_ID || idOrName === toDeviceName(GATEWAY_ID))
    throw new UsageError(`${GATEWAY_ID} is the gateway itself, not a device`)
  const known = devices.map(({ id }) => id).join(', ') || 'none'
  throw new UsageError(`unknown device ${JSON.stringify(idOrName)}; known devices: ${known}`)
}
