import { GATEWAY_ID } from '../ca/device-id.ts'
import type { IssuedEntry } from '../ca/ledger.ts'
import type { Via } from '../ca/ledger-line.ts'
import type { Csr } from '../ca/read-csr.ts'
import { addressGroup } from '../net/address.ts'
import {
  type EnrolBook,
  MAX_WAITING,
  MAX_WAITING_PER_ADDRESS,
  SPENT_LASTS_MS,
  type WaitingKey,
  withKey,
  withSpent,
} from './book.ts'
import { csrProblem } from './csr-problem.ts'
import { type Decision, type EnrolRequest, type EnrolState, refuse } from './decision.ts'
import { certificateStanding, isShown } from './standing.ts'
import { fallbackToken, hashOfToken, isSameSecret } from './tokens.ts'

const RETRY_SECONDS = 60

/**
 * Decides whether somebody gets a certificate, and for which name. The name comes from the credential, never from the request.
 */
export function decideEnrolment(request: EnrolRequest, state: EnrolState, now: number): Decision {
  const { csr } = request
  if (csr.keyProblem !== null)
    return refuse('key_weak', `The request cannot be granted: ${csr.keyProblem}.`)
  // the request was made for another connection: somebody passes it on
  if (!isBound(csr.challengePassword, request.binding))
    return refuse(
      'binding_wrong',
      'The challenge password of the request is not the channel binding of this TLS connection: leave it out.',
    )
  const granted = grantOf(request, state, now)
  if (granted.kind !== 'issue') return granted
  return csrProblem(csr, granted.id, state.issued, now) ?? granted
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
  // the device asks again: the answer may have been lost on its way
  if (spent.key === csr.key && spent.at + SPENT_LASTS_MS > now)
    return { kind: 'issue', id, via: 'invite', book }
  return refuse('invite_spent', 'The invite was used before. Ask for a new one.', id)
}

function isNameOf(name: string, id: string): boolean {
  return name === id || id === `${name}.d.wott.local`
}

function byCertificate(held: IssuedEntry, via: Via, state: EnrolState, now: number): Decision {
  const { id } = held
  // otherwise a thief of the gateway's key could renew its certificate for ever
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

/** The token belongs to one certificate of the device. */
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
  { book, acceptsUninvited }: EnrolState,
  now: number,
): Decision {
  const known = book.keys.find(({ key }) => key === csr.key)
  if (known) return ofKnownKey(known, book)
  if (!acceptsUninvited)
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
