import { toDeviceName } from '../ca/device-id.ts'
import { type Device, devicesIn } from '../ca/device-states.ts'
import { openLayout } from '../ca/layout.ts'
import { type EnrolBook, tidyBook } from './book.ts'
import { readEnrolBook } from './book-file.ts'

/** A device, an open invite or a waiting key. Times in milliseconds since the Unix epoch. */
export type RosterEntry =
  | (Device & { readonly kind: 'device' })
  | {
      readonly kind: 'invited'
      readonly id: string
      readonly name: string
      readonly expires: number
    }
  | {
      readonly kind: 'waiting' | 'approved'
      /** Null for a key that asks for no name. */
      readonly id: string | null
      /** SHA-256 of its key, hexadecimal. */
      readonly fingerprint: string
      readonly address: string
      readonly since: number
    }

/** Every device in the order in which they were first added, then the open invites, then the keys that wait. */
export async function listRoster(directory: string, now = Date.now()): Promise<RosterEntry[]> {
  const layout = openLayout(directory)
  const devices = await devicesIn(layout, now)
  return rosterOf(devices, tidyBook(await readEnrolBook(layout), now))
}

function rosterOf(devices: readonly Device[], { invites, keys }: EnrolBook): RosterEntry[] {
  return [
    ...devices.map((device) => ({ kind: 'device', ...device }) as const),
    ...invites
      .filter(({ spent }) => spent === null)
      .map(
        ({ id, expires }) => ({ kind: 'invited', id, name: toDeviceName(id), expires }) as const,
      ),
    ...keys.flatMap(({ key, wanted, address, since, state }): RosterEntry[] => {
      const common = { fingerprint: key, address, since }
      if (state.kind === 'waiting') return [{ kind: 'waiting', id: wanted, ...common }]
      const isDone = state.kind === 'denied' || devices.some(({ id }) => id === state.id)
      return isDone ? [] : [{ kind: 'approved', id: state.id, ...common }]
    }),
  ]
}
