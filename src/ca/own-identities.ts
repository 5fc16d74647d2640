import { GATEWAY_ID, toDeviceId } from './device-id.ts'
import type { IdentityFiles } from './identity-files.ts'
import { deviceFiles, type Layout } from './layout.ts'

/** An identity that `init` makes, and `dev` keeps from expiring. */
export interface OwnIdentity {
  readonly id: string
  readonly files: IdentityFiles
  /** How long its certificate is valid. */
  readonly days: number
}

/** The devices that `init` makes, by name, as in the tutorial. */
const SAMPLE_DEVICES = ['sensor', 'subscriber'] as const

// The WoTT service issued for 7 days, and the agent renewed in the last 3 of them. Nothing here renews by itself, so a
// certificate has to last until a person does it.
export const DEVICE_DAYS = 365
// the longest validity that Apple's systems accept for a server
const GATEWAY_DAYS = 825

/** The identity of the gateway itself. */
export function gatewayIdentity(layout: Layout): OwnIdentity {
  return { id: GATEWAY_ID, files: layout.certs, days: GATEWAY_DAYS }
}

/** The identities of the devices that `init` makes. */
export function sampleIdentities(layout: Layout): OwnIdentity[] {
  return SAMPLE_DEVICES.map((name) => ({
    id: toDeviceId(name),
    files: deviceFiles(layout, name),
    days: DEVICE_DAYS,
  }))
}
