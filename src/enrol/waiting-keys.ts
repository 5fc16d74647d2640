import { toDeviceId } from '../ca/device-id.ts'
import { devicesIn } from '../ca/device-states.ts'
import { openLayout } from '../ca/layout.ts'
import { UsageError } from '../errors.ts'
import { type EnrolBook, tidyBook, WAITING_LASTS_MS, type WaitingKey, withKey } from './book.ts'
import { readEnrolBook } from './book-file.ts'
import { changeEnrolBook, hasActiveDevice, requireSpelling } from './operator.ts'

/** What an operator can do about keys without an invite. Every function rejects with `UsageError` for errors that the operator can fix. */

/** A key that waits for approval. */
export interface ListedKey extends WaitingKey {
  /** Whether an active device has the name that it asks for. */
  readonly isTaken: boolean
}

/** The keys that wait for approval, oldest first. */
export async function listWaiting(directory: string, now = Date.now()): Promise<ListedKey[]> {
  const layout = openLayout(directory)
  const { keys } = tidyBook(await readEnrolBook(layout), now)
  const active = (await devicesIn(layout, now)).filter(({ state }) => state === 'active')
  const taken = new Set(active.map(({ id }) => id))
  return keys
    .filter(({ state }) => state.kind === 'waiting')
    .map((one) => ({ ...one, isTaken: one.wanted !== null && taken.has(one.wanted) }))
}

/** What an operator decides besides the key. */
export interface Approval {
  /** By default the name that the key asks for. */
  readonly name?: string | undefined
  /** Allows a name that an active device has. */
  readonly replace?: boolean
  readonly now?: number
}

/**
 * Lets the key whose fingerprint begins with `fingerprint` have a certificate, also one that was denied. Resolves with the
 * WoTT ID.
 */
export async function approveKey(
  directory: string,
  fingerprint: string,
  { name, replace = false, now = Date.now() }: Approval = {},
): Promise<string> {
  return changeEnrolBook(directory, now, async (book, layout) => {
    const key = findKey(book, fingerprint)
    if (key.state.kind === 'approved')
      throw new UsageError(`key ${key.key} is already approved as ${key.state.id}`)
    const id = idFor(key, name)
    await requireSpelling(layout, book, id)
    // a stranger may ask for the name of a device to get its rights
    if (!replace && (await hasActiveDevice(layout, id, now)))
      throw new UsageError(
        `the name ${id} already belongs to an active device. With --replace this key gets its name and rights, and that device can no longer renew its certificate`,
      )
    return {
      book: withKey(book, { ...key, state: { kind: 'approved', id, at: now } }),
      line: { event: 'approved', id, key: key.key },
      result: id,
    }
  })
}

/** Refuses a key for a day, and withdraws its approval. Resolves with the key as it was before. */
export async function denyKey(
  directory: string,
  fingerprint: string,
  now = Date.now(),
): Promise<WaitingKey> {
  return changeEnrolBook(directory, now, async (book) => {
    const key = findKey(book, fingerprint)
    if (key.state.kind === 'denied') {
      const until = new Date(key.state.at + WAITING_LASTS_MS).toISOString()
      throw new UsageError(`key ${key.key} is already denied, until ${until}`)
    }
    return {
      book: withKey(book, { ...key, state: { kind: 'denied', at: now } }),
      line: { event: 'denied', key: key.key },
      result: key,
    }
  })
}

/** Eight digits are enough to tell a hundred keys apart, and short enough to be read out. */
const SHORTEST = 8

function findKey({ keys }: EnrolBook, fingerprint: string): WaitingKey {
  const digits = fingerprint.toLowerCase().replaceAll(':', '')
  if (digits.length < SHORTEST || !/^[0-9a-f]+$/.test(digits))
    throw new UsageError(
      `${JSON.stringify(fingerprint)} is not the fingerprint of a key: give at least the first ${SHORTEST} hexadecimal digits that "wott-gateway device waiting" shows`,
    )
  const found = keys.filter(({ key }) => key.startsWith(digits))
  const [only, other] = found
  if (other) throw new UsageError(`${found.length} keys start with ${digits}: give more digits`)
  if (only) return only
  throw new UsageError(
    `no key with the fingerprint ${digits} is waiting: see "wott-gateway device waiting"`,
  )
}

function idFor({ wanted }: WaitingKey, name: string | undefined): string {
  if (wanted === null && name === undefined)
    throw new UsageError('the device does not ask for a name: add a NAME')
  const id = toDeviceId(name ?? (wanted as string))
  // its request would be refused for the name that it holds
  if (wanted !== null && wanted !== id)
    throw new UsageError(
      `the device asks for the name ${JSON.stringify(wanted)}: approve it as that, or deny it`,
    )
  return id
}
