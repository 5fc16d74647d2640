import type { Config } from '../config/load.ts'
import type { Door } from '../door-table.ts'
import type { CutReason, Meter } from '../metrics/meter.ts'
import { type Admission, createAdmission } from './admission.ts'
import { createHandshakePace } from './handshake-pace.ts'

export interface AdmissionHooks {
  readonly meter: Meter
  /** Uses one handshake of the address' own limit. Returns 0, or the seconds until the address may have one. */
  readonly takeOf: (address: string) => number
  readonly onFull: (door: Door, reason: CutReason, who: string) => void
}

/** The admission of every door with TLS. Each door has its own limits; the handshake rate is shared. */
export interface Admissions {
  of(door: Door): Admission
  /** Connections that one door has at most, named and not. */
  readonly mostConnections: number
}

export function createAdmissions(
  settings: Config['connections'],
  { meter, takeOf, onFull }: AdmissionHooks,
): Admissions {
  const pace = createHandshakePace({ rate: settings.handshakeRate, takeOf })
  const made = new Map<Door, Admission>()
  return {
    mostConnections: settings.maxConnections + settings.maxStrangers,
    of(door) {
      let admission = made.get(door)
      if (!admission) {
        const { maxConnections, maxConnectionsPerDevice } = settings
        const { maxStrangers, maxStrangersPerAddress } = settings
        admission = createAdmission({
          door,
          meter,
          pace,
          maxConnections,
          maxConnectionsPerDevice,
          maxStrangers,
          maxStrangersPerAddress,
          onFull: (reason, who) => onFull(door, reason, who),
        })
        made.set(door, admission)
      }
      return admission
    },
  }
}
