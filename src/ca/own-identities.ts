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

/** The devices that `init` makes, by name, as the tutorial has them. */
export const SAMPLE_DEVICES = ['sensor', 'subscriber'] as const

// The WoTT service gave 7 days, and the agent asked for the next 3 days before their end. Nothing asks by itself
// here, so a certificate has to last until a person comes by again.
export const DEVICE_DAYS = 365
// the longest that Apple's systems take from a server
const GATEWAY_DAYS = 825

export function gatewayIdentity(layout: Layout): OwnIdentity {
  return { id: GATEWAY_ID, files: layout.certs, days: GATEWAY_DAYS }
}

export function sampleIdentities(layout: Layout): OwnIdentity[] {
  return SAMPLE_DEVICES.map((name) => ({
    id: toDeviceId(name),
    files: deviceFiles(layout, name),
    days: DEVICE_DAYS,
  }))
}
