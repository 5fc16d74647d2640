import { change } from '../ca/change.ts'
import { GATEWAY_ID, toDeviceId, toDeviceName } from '../ca/device-id.ts'
import { devicesIn } from '../ca/device-states.ts'
import { readIssued } from '../ca/issued.ts'
import { type Layout, openLayout } from '../ca/layout.ts'
import { appendToLedger } from '../ca/ledger.ts'
import type { AuditLine } from '../ca/ledger-line.ts'
import { UsageError } from '../errors.ts'
import { type EnrolBook, newInvite, tidyBook, type WaitingKey, withInvite } from './book.ts'
import { readEnrolBook, writeEnrolBook } from './book-file.ts'
import { randomToken } from './tokens.ts'

/** What an operator can do about devices that want to enrol. Every function rejects with `UsageError` for errors that the operator can fix. */

/** A new invite with its token, which is shown only once. */
export interface NewInvite {
  /** WoTT ID. */
  readonly id: string
  readonly token: string
  /** In milliseconds since the Unix epoch. */
  readonly expires: number
  /** Whether an active device has the name already. */
  readonly isTaken: boolean
}

/** Invites a device under a short name or a full WoTT ID, for `lasts` milliseconds. */
export async function inviteDevice(
  directory: string,
  name: string,
  lasts: number,
  now = Date.now(),
): Promise<NewInvite> {
  const id = toDeviceId(name)
  const token = randomToken()
  const expires = now + lasts
  return changeEnrolBook(directory, now, async (book, layout) => {
    await requireSpelling(layout, book, id)
    return {
      book: withInvite(book, newInvite(id, token, expires)),
      line: { event: 'invited', id },
      result: { id, token, expires, isTaken: await hasActiveDevice(layout, id, now) },
    }
  })
}

/** Withdraws the open invites and the approval of a device, by WoTT ID or name. Resolves with the ID of each. */
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

interface BookChange<T> {
  readonly book: EnrolBook
  readonly line: Omit<AuditLine, 'time'>
  readonly result?: T
}

/** Writes the changed book, then a line in the ledger. Resolves with the result. */
export async function changeEnrolBook<T>(
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

function approvedAs({ state }: WaitingKey): string {
  return state.kind === 'approved' ? state.id : ''
}

/** Host names, and the file systems of Windows and macOS, do not distinguish case. */
export async function requireSpelling(
  layout: Layout,
  { invites, keys }: EnrolBook,
  id: string,
): Promise<void> {
  if (id.toLowerCase() === GATEWAY_ID)
    throw new UsageError(`${id} is the gateway itself: choose another name`)
  const approved = keys.flatMap(({ state }) => (state.kind === 'approved' ? [state] : []))
  const known = [...(await readIssued(layout)), ...invites, ...approved].map((one) => one.id)
  const other = known.find((one) => one !== id && one.toLowerCase() === id.toLowerCase())
  if (other) throw new UsageError(`there is already a device ${other}: use that spelling`)
}

/** Whether a device of this WoTT ID has a good certificate. */
export async function hasActiveDevice(layout: Layout, id: string, now: number): Promise<boolean> {
  return (await devicesIn(layout, now)).some((one) => one.id === id && one.state === 'active')
}
