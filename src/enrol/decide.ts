import { GATEWAY_ID } from '../ca/device-id.ts'
import type { IssuedEntry } from '../ca/ledger.ts'
import type { Via } from '../ca/ledger-line.ts'
import type { Csr } from '../ca/read-csr.ts'
import { addressGroup } from '../net/address.ts'
import {
  type DeviceInvite,
  type EnrolBook,
  MAX_WAITING,
  MAX_WAITING_PER_ADDRESS,
  SPENT_LASTS_MS,
  type WaitingKey,
  withKey,
  withSpent,
} from './book.ts'
import { certificateStanding, isShown, type ShownCertificate, waitForNext } from './standing.ts'
import { fallbackToken, hashOfToken, isSameSecret } from './tokens.ts'

/** By what somebody asks for a certificate. */
export type Credential =
  | { readonly kind: 'none' }
  /** The token of an invite; `name` is the user name that came with it, empty for none. */
  | { readonly kind: 'invite'; readonly name: string; readonly token: string }
  /** The certificate of the connection, whose signature by the CA was verified. */
  | { readonly kind: 'certificate'; readonly shown: ShownCertificate }
  /** What was given out with a certificate that has ended. */
  | { readonly kind: 'fallback'; readonly id: string; readonly token: string }

export const CREDENTIALS = ['none', 'invite', 'certificate', 'fallback'] as const

/** Why no certificate is issued. */
export const REFUSAL_REASONS = [
  'credential_required',
  'invite_unknown',
  'invite_expired',
  'invite_spent',
  'certificate_unknown',
  'certificate_revoked',
  'certificate_superseded',
  'certificate_too_old',
  'token_wrong',
  'name_mismatch',
  'key_weak',
  'key_taken',
  'csr_invalid',
  'binding_wrong',
  'rate_limited',
  'waiting_full',
  'denied',
] as const

export type RefusalReason = (typeof REFUSAL_REASONS)[number]

export interface EnrolRefusal {
  readonly kind: 'refuse'
  readonly reason: RefusalReason
  /** For whoever asked. */
  readonly detail: string
  /** The WoTT ID, where the credential proves one. */
  readonly id: string | null
  /** In seconds, where trying again helps. */
  readonly retryAfter?: number
}

/** What is done about a request. `book` is what the book becomes. */
export type Decision =
  | {
      readonly kind: 'issue'
      readonly id: string
      readonly via: Via
      /** The certificate that is renewed: whoever shows it, or the token that came with it, has it. */
      readonly held?: IssuedEntry
      readonly book: EnrolBook
    }
  | {
      readonly kind: 'wait'
      /** In seconds. */
      readonly retryAfter: number
      /** Whether the key was not known before. */
      readonly isNew: boolean
      readonly key: WaitingKey
      readonly book: EnrolBook
    }
  | EnrolRefusal

/** What is known when a request is decided. */
export interface EnrolState {
  readonly book: EnrolBook
  /** Every certificate of the ledger, oldest first. */
  readonly issued: readonly IssuedEntry[]
  /** What fallback tokens are made with. */
  readonly secret: Buffer
  /** Whether keys without a credential may wait for approval. */
  readonly mayWait: boolean
}

export interface EnrolRequest {
  readonly credential: Credential
  readonly csr: Csr
  readonly address: string
  /** What a challenge password has to be (RFC 7030 §3.5), base64; null where the connection has no channel binding. */
  readonly binding: string | null
}

const RETRY_SECONDS = 60

/**
 * Whether somebody gets a certificate, and for which name: the one place where that is decided. The name comes from the
 * credential, never from the request.
 */
export function decideEnrolment(request: EnrolRequest, state: EnrolState, now: number): Decision {
  const { csr } = request
  if (csr.keyProblem !== null)
    return refuse('key_weak', `The request cannot be granted: ${csr.keyProblem}.`)
  // somebody passes on a request that was made for another connection
  if (!isBound(csr.challengePassword, request.binding))
    return refuse(
      'binding_wrong',
      'The challenge password of the request is not the channel binding of this TLS connection: leave it out.',
    )
  const granted = grantOf(request, state, now)
  if (granted.kind !== 'issue') return granted
  return requestProblem(csr, granted.id, state.issued, now) ?? granted
}

function isBound(password: string | null, binding: string | null): boolean {
  return password === null || (binding !== null && isSameSecret(password, binding))
}

function grantOf(request: EnrolRequest, state: EnrolState, now: number): Decision {
  const { credential } = request
  switch (credential.kind) {
    case 'none':
      return byApproval(request, state, now)
    case 'invite':
      return byInvite(credential.name, credential.token, request.csr, state.book, now)
    case 'certificate': {
      const { shown } = credential
      const held = state.issued.find((one) => isShown(one, shown))
      if (!held)
        return refuse('certificate_unknown', 'This CA has not issued the client certificate.')
      return byCertificate(held, 'certificate', state, now)
    }
    case 'fallback':
      return byFallback(credential.id, credential.token, state, now)
  }
}

function byInvite(name: string, token: string, csr: Csr, book: EnrolBook, now: number): Decision {
  const hash = hashOfToken(token)
  const invite = book.invites.find(({ tokenHash }) => tokenHash === hash)
  if (!invite || (name !== '' && !isNameOf(name, invite.id)))
    return refuse(
      'invite_unknown',
      'This invite is not valid: it has expired, was used some time ago, or was not made here. Ask for a new one (wott-gateway device invite NAME).',
    )
  const { id, spent } = invite
  if (spent === null)
    return invite.expires > now
      ? { kind: 'issue', id, via: 'invite', book: withSpent(book, invite, csr.key, now) }
      : refuse('invite_expired', 'The invite has expired. Ask for a new one.', id)
  // the answer may have been lost on the radio
  if (spent.key === csr.key && spent.at + SPENT_LASTS_MS > now)
    return { kind: 'issue', id, via: 'invite', book }
  return refuse('invite_spent', 'The invite was used before. Ask for a new one.', id)
}

function isNameOf(name: string, id: string): boolean {
  return name === id || id === `${name}.d.wott.local`
}

function byCertificate(held: IssuedEntry, via: Via, state: EnrolState, now: number): Decision {
  const { id } = held
  // whoever has taken its key could go on to pass for it after its key was changed
  if (id === GATEWAY_ID)
    return refuse(
      'certificate_unknown',
      "The gateway's own certificate cannot be renewed here.",
      id,
    )
  switch (certificateStanding(held, state.issued, now)) {
    case 'good':
      return { kind: 'issue', id, via, held, book: state.book }
    case 'revoked':
      return refuse('certificate_revoked', 'The certificate has been revoked.', id)
    case 'superseded':
      return refuse(
        'certificate_superseded',
        'The device has a newer certificate, and only that one can be renewed. If the device does not have it, somebody has a copy of its key: revoke the device, and invite it again.',
        id,
      )
    case 'past grace':
      return refuse(
        'certificate_too_old',
        'The certificate expired more than 30 days ago. Ask for an invite.',
        id,
      )
  }
}

/** The token tells which of the device's certificates it came with. */
function byFallback(name: string, token: string, state: EnrolState, now: number): Decision {
  const held = state.issued.findLast(
    ({ id, serial }) =>
      isNameOf(name, id) && isSameSecret(token, fallbackToken(state.secret, serial)),
  )
  if (!held)
    return refuse(
      'token_wrong',
      'The fallback token does not belong to a certificate of this device. Ask for an invite.',
    )
  return byCertificate(held, 'fallback', state, now)
}

function byApproval(
  { csr, address }: EnrolRequest,
  { book, mayWait }: EnrolState,
  now: number,
): Decision {
  const known = book.keys.find(({ key }) => key === csr.key)
  if (known) return ofKnownKey(known, book)
  if (!mayWait)
    return refuse(
      'credential_required',
      'Send the token of an invite, or the certificate that is to be renewed.',
    )
  const waiting = book.keys.filter(({ state }) => state.kind === 'waiting')
  const group = addressGroup(address)
  const ofAddress = waiting.filter((one) => addressGroup(one.address) === group)
  if (waiting.length >= MAX_WAITING || ofAddress.length >= MAX_WAITING_PER_ADDRESS)
    return refuse(
      'waiting_full',
      'Too many devices wait for approval. Try again later, or ask for an invite.',
      null,
      RETRY_SECONDS,
    )
  const [wanted = null] = csr.commonNames
  const key: WaitingKey = { key: csr.key, wanted, address, since: now, state: { kind: 'waiting' } }
  return { kind: 'wait', retryAfter: RETRY_SECONDS, isNew: true, key, book: withKey(book, key) }
}

function ofKnownKey(key: WaitingKey, book: EnrolBook): Decision {
  const { state } = key
  switch (state.kind) {
    case 'waiting':
      return { kind: 'wait', retryAfter: RETRY_SECONDS, isNew: false, key, book }
    case 'denied':
      return refuse('denied', 'An operator has denied this key a certificate.')
    case 'approved':
      return { kind: 'issue', id: state.id, via: 'approval', book }
  }
}

/** What is wrong with a request for a certificate that `id` may have. */
function requestProblem(
  csr: Csr,
  id: string,
  issued: readonly IssuedEntry[],
  now: number,
): EnrolRefusal | null {
  const [name = id, ...others] = csr.commonNames
  const names = [name, ...others, ...csr.alternativeNames.map((one) => one.replace(/^dns:/, ''))]
  const foreign = names.find((one) => one !== id)
  if (foreign !== undefined)
    return refuse(
      'name_mismatch',
      `The request asks for ${JSON.stringify(foreign)}, but the credential is for ${id}: ask only for that name, or for none.`,
      id,
    )
  const holder = issued.find(
    (one) => one.key === csr.key && (one.id !== id || one.revokedAt !== null),
  )
  if (holder)
    return refuse(
      'key_taken',
      'The key belongs to another device or to a revoked certificate. Make a new key.',
      id,
    )
  const times = issued.filter((one) => one.id === id).map(({ issuedAt }) => issuedAt)
  const wait = waitForNext(times, now)
  if (wait === 0) return null
  const seconds = Math.ceil(wait / 1000)
  return refuse(
    'rate_limited',
    `${id} received too many certificates in a short time. Try again in ${seconds} seconds.`,
    id,
    seconds,
  )
}

function refuse(
  reason: RefusalReason,
  detail: string,
  id: string | null = null,
  retryAfter?: number,
): EnrolRefusal {
  return {
    kind: 'refuse',
    reason,
    detail,
    id,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
}

/** What a person's invite comes to in the book. */
export function newInvite(id: string, token: string, expires: number): DeviceInvite {
  return { id, tokenHash: hashOfToken(token), expires, spent: null }
}
