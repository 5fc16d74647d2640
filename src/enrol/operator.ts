import { change } from '../ca/change.ts'
import { GATEWAY_ID, toDeviceId, toDeviceName } from '../ca/device-id.ts'
import { readIssued } from '../ca/issued.ts'
import { type Layout, openLayout } from '../ca/layout.ts'
import { appendToLedger } from '../ca/ledger.ts'
import type { AuditLine } from '../ca/ledger-line.ts'
import { UsageError } from '../errors.ts'
import { type EnrolBook, tidyBook, type WaitingKey, withInvite, withKey } from './book.ts'
import { readEnrolBook, writeEnrolBook } from './book-file.ts'
import { newInvite } from './decide.ts'
import { randomToken } from './tokens.ts'

/** What an operator does about devices that want to enrol. Each rejects with `UsageError` for what the person can mend. */

/** An invite, and the token that is told nobody else. */
export interface NewInvite {
  /** WoTT ID. */
  readonly id: string
  readonly token: string
  /** In milliseconds since the Unix epoch. */
  readonly expires: number
}

/** Invites a device under a short name or a full WoTT ID, for `lasts` milliseconds. */
export async function inviteDevice(
  directory: string,
  name: string,
  lasts: number,
  now = Date.now(),
): Promise<NewInvite> {
  const id = toDeviceId(name)
  const invite = { id, token: randomToken(), expires: now + lasts }
  await changeEnrolBook(directory, now, async (book, layout) => {
    await requireSpelling(layout, id)
    return {
      book: withInvite(book, newInvite(id, invite.token, invite.expires)),
      line: { event: 'invited', id },
    }
  })
  return invite
}

/** Takes the open invites of a device, by WoTT ID or name, and its approval back. Resolves with the ID of each. */
export async function withdrawInvites(
  directory: string,
  idOrName: string,
  now = Date.now(),
): Promise<string[]> {
  const isMeant = (id: string) => id === idOrName || toDeviceName(id) === idOrName
  const layout = openLayout(directory)
  return change(layout, async () => {
    const book = tidyBook(await readEnrolBook(layout), now)
    const invites = book.invites.filter(({ id, spent }) => spent === null && isMeant(id))
    const keys = book.keys.filter(({ state }) => state.kind === 'approved' && isMeant(state.id))
    const ids = [...invites.map(({ id }) => id), ...keys.map(approvedAs)]
    if (ids.length === 0) return []
    await writeEnrolBook(layout, {
      invites: book.invites.filter((one) => !invites.includes(one)),
      keys: book.keys.filter((one) => !keys.includes(one)),
    })
    const time = new Date(now).toISOString()
    await appendToLedger(
      layout.authority.ledger,
      ids.map((id) => ({ event: 'withdrawn', time, id })),
    )
    return ids
  })
}

/** The keys that wait for approval, oldest first. */
export async function listWaiting(directory: string, now = Date.now()): Promise<WaitingKey[]> {
  const book = tidyBook(await readEnrolBook(openLayout(directory)), now)
  return book.keys.filter(({ state }) => state.kind === 'waiting')
}

/**
 * Lets the key whose fingerprint begins with `fingerprint` have a certificate for `name`, by default the one that it asks
 * for. Resolves with the WoTT ID.
 */
export async function approveKey(
  directory: string,
  fingerprint: string,
  name: string | undefined,
  now = Date.now(),
): Promise<string> {
  return changeEnrolBook(directory, now, async (book, layout) => {
    const key = findWaiting(book, fingerprint)
    const id = idFor(key, name)
    await requireSpelling(layout, id)
    return {
      book: withKey(book, { ...key, state: { kind: 'approved', id, at: now } }),
      line: { event: 'approved', id, key: key.key },
      result: id,
    }
  })
}

/** Refuses a waiting key a certificate, for a day. */
export async function denyKey(
  directory: string,
  fingerprint: string,
  now = Date.now(),
): Promise<WaitingKey> {
  return changeEnrolBook(directory, now, async (book) => {
    const key = findWaiting(book, fingerprint)
    return {
      book: withKey(book, { ...key, state: { kind: 'denied', at: now } }),
      line: { event: 'denied', key: key.key },
      result: key,
    }
  })
}

interface BookChange<T> {
  readonly book: EnrolBook
  readonly line: Omit<AuditLine, 'time'>
  readonly result?: T
}

async function changeEnrolBook<T>(
  directory: string,
  now: number,
  work: (book: EnrolBook, layout: Layout) => Promise<BookChange<T>>,
): Promise<T> {
  const layout = openLayout(directory)
  return change(layout, async () => {
    const before = tidyBook(await readEnrolBook(layout), now)
    const { book, line, result } = await work(before, layout)
    await writeEnrolBook(layout, book)
    const time = new Date(now).toISOString()
    await appendToLedger(layout.authority.ledger, [{ ...line, time }])
    return result as T
  })
}

/** Eight digits are enough to tell a hundred keys apart, and short enough to be read out. */
const SHORTEST = 8

function findWaiting({ keys }: EnrolBook, fingerprint: string): WaitingKey {
  const digits = fingerprint.toLowerCase().replaceAll(':', '')
  if (digits.length < SHORTEST || !/^[0-9a-f]+$/.test(digits))
    throw new UsageError(
      `${JSON.stringify(fingerprint)} is not the fingerprint of a key: give at least ${SHORTEST} of the hexadecimal digits that "wott-gateway device waiting" shows`,
    )
  const found = keys.filter(({ key, state }) => state.kind === 'waiting' && key.startsWith(digits))
  const [only, other] = found
  if (other) throw new UsageError(`${found.length} keys begin with ${digits}: give more digits`)
  if (only) return only
  throw new UsageError(
    `no key with the fingerprint ${digits} is waiting: see "wott-gateway device waiting"`,
  )
}

function approvedAs({ state }: WaitingKey): string {
  return state.kind === 'approved' ? state.id : ''
}

function idFor({ wanted }: WaitingKey, name: string | undefined): string {
  if (wanted === null && name === undefined)
    throw new UsageError('the device does not ask for a name: give it one')
  const id = toDeviceId(name ?? (wanted as string))
  // its request would be refused for the name that it holds
  if (wanted !== null && wanted !== id)
    throw new UsageError(
      `the device asks for the name ${JSON.stringify(wanted)}: approve it as that, or deny it`,
    )
  return id
}

/** Host names, and the file systems of Windows and macOS, know no case. */
async function requireSpelling(layout: Layout, id: string): Promise<void> {
  if (id.toLowerCase() === GATEWAY_ID) throw new UsageError(`${id} is the gateway itself`)
  const other = (await readIssued(layout)).find(
    (entry) => entry.id !== id && entry.id.toLowerCase() === id.toLowerCase(),
  )
  if (other) throw new UsageError(`there is a device ${other.id}: spell the name like that`)
}
