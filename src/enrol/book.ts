import { readJson } from '../disk/json.ts'
import { UsageError } from '../errors.ts'
import { hashOfToken } from './tokens.ts'

/** The right to one certificate for one name. Times in milliseconds since the Unix epoch. */
export interface DeviceInvite {
  /** WoTT ID. */
  readonly id: string
  /** SHA-256 of the one-time token, hexadecimal. */
  readonly tokenHash: string
  readonly expires: number
  /** SHA-256 of the public key that took it, and when; null while it is good. */
  readonly spent: { readonly key: string; readonly at: number } | null
}

/** An invite for the device `id`; only the hash of its token is kept. */
export function newInvite(id: string, token: string, expires: number): DeviceInvite {
  return { id, tokenHash: hashOfToken(token), expires, spent: null }
}

/** A key that asked for a certificate without a credential. */
export interface WaitingKey {
  /** SHA-256 of the public key, hexadecimal: what a person compares and approves. */
  readonly key: string
  /** The name that it asks for; null for none. */
  readonly wanted: string | null
  readonly address: string
  readonly since: number
  readonly state:
    | { readonly kind: 'waiting' }
    /** The WoTT ID of its certificate. */
    | { readonly kind: 'approved'; readonly id: string; readonly at: number }
    | { readonly kind: 'denied'; readonly at: number }
}

/** The invites and keys of devices that may enrol without a certificate. */
export interface EnrolBook {
  readonly invites: readonly DeviceInvite[]
  readonly keys: readonly WaitingKey[]
}

export const EMPTY_BOOK: EnrolBook = { invites: [], keys: [] }

/** How long a used invite still works for the same key, in case the answer was lost on its way. */
export const SPENT_LASTS_MS = 10 * 60_000
export const WAITING_LASTS_MS = 24 * 3_600_000
const MAX_INVITES = 1_000
export const MAX_WAITING = 100
export const MAX_WAITING_PER_ADDRESS = 5

/** The book without expired entries. */
export function tidyBook(book: EnrolBook, now: number): EnrolBook {
  return {
    invites: book.invites.filter(({ expires, spent }) =>
      spent === null ? expires > now : spent.at + SPENT_LASTS_MS > now,
    ),
    keys: book.keys.filter(({ since, state }) => timeOf(since, state) + WAITING_LASTS_MS > now),
  }
}

function timeOf(since: number, state: WaitingKey['state']): number {
  return state.kind === 'waiting' ? since : state.at
}

/** The book with one more invite. Throws `UsageError` when there are too many. */
export function withInvite(book: EnrolBook, invite: DeviceInvite): EnrolBook {
  if (book.invites.length >= MAX_INVITES)
    throw new UsageError(`there are already ${MAX_INVITES} unused invites: wait until some expire`)
  return { ...book, invites: [...book.invites, invite] }
}

/** The book in which this key has used the invite. */
export function withSpent(
  book: EnrolBook,
  invite: DeviceInvite,
  key: string,
  now: number,
): EnrolBook {
  const spent = { ...invite, spent: { key, at: now } }
  return { ...book, invites: book.invites.map((one) => (one === invite ? spent : one)) }
}

/** The book with this key added or replaced. */
export function withKey(book: EnrolBook, key: WaitingKey): EnrolBook {
  return { ...book, keys: [...book.keys.filter((one) => one.key !== key.key), key] }
}

/** Throws `UsageError` when the text is not a valid book. */
export function parseEnrolBook(text: string): EnrolBook {
  const book = readJson(text) as Partial<EnrolBook> | null
  if (!Array.isArray(book?.invites) || !Array.isArray(book.keys))
    throw new UsageError('it is not a list of invites and waiting keys')
  const invite = book.invites.findIndex((one) => !isInvite(one))
  if (invite !== -1) throw new UsageError(`entry ${invite + 1} of "invites" is not an invite`)
  const key = book.keys.findIndex((one) => !isWaitingKey(one))
  if (key !== -1) throw new UsageError(`entry ${key + 1} of "keys" is not a waiting key`)
  return { invites: book.invites, keys: book.keys }
}

export function formatEnrolBook(book: EnrolBook): string {
  return `${JSON.stringify(book, null, 2)}\n`
}

function isInvite(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { id, tokenHash, expires, spent } = value as Record<string, unknown>
  if (typeof id !== 'string' || typeof tokenHash !== 'string') return false
  if (typeof expires !== 'number') return false
  if (spent === null) return true
  if (typeof spent !== 'object') return false
  const { key, at } = spent as Record<string, unknown>
  return typeof key === 'string' && typeof at === 'number'
}

function isWaitingKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { key, wanted, address, since, state } = value as Record<string, unknown>
  if (typeof key !== 'string' || typeof address !== 'string') return false
  if (typeof since !== 'number' || (wanted !== null && typeof wanted !== 'string')) return false
  return isKeyState(state)
}

function isKeyState(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { kind, id, at } = value as Record<string, unknown>
  if (kind === 'waiting') return true
  if (typeof at !== 'number') return false
  return kind === 'denied' || (kind === 'approved' && typeof id === 'string')
}
