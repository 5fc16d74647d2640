import type { IssuedEntry } from '../ca/ledger.ts'
import type { Via } from '../ca/ledger-line.ts'
import type { Csr } from '../ca/read-csr.ts'
import type { EnrolBook, WaitingKey } from './book.ts'
import type { ShownCertificate } from './standing.ts'

/** What somebody proves the right to a certificate with. */
export type Credential =
  | { readonly kind: 'none' }
  /** The token of an invite; `name` is the user name that came with it, empty for none. */
  | { readonly kind: 'invite'; readonly name: string; readonly token: string }
  /** The certificate of the connection, whose signature by the CA was verified. */
  | { readonly kind: 'certificate'; readonly shown: ShownCertificate }
  /** The token that was sent with an earlier certificate, which has expired. */
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

/** A request for a certificate that is refused. */
export interface EnrolRefusal {
  readonly kind: 'refuse'
  readonly reason: RefusalReason
  /** The sentence for whoever asked. */
  readonly detail: string
  /** The WoTT ID, if the credential proves one. */
  readonly id: string | null
  /** Seconds after which to try again, if that helps. */
  readonly retryAfter?: number
}

/** What to do about a request. `book` is the book afterwards. */
export type Decision =
  | {
      readonly kind: 'issue'
      readonly id: string
      readonly via: Via
      /** The certificate that is renewed. */
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

/** What a decision depends on, besides the request. */
export interface EnrolState {
  readonly book: EnrolBook
  /** Every certificate of the ledger, oldest first. */
  readonly issued: readonly IssuedEntry[]
  /** The secret that fallback tokens are derived from. */
  readonly secret: Buffer
  /** Whether keys without a credential may wait for approval. */
  readonly acceptsUninvited: boolean
}

/** A request for a certificate. */
export interface EnrolRequest {
  readonly credential: Credential
  readonly csr: Csr
  readonly address: string
  /** The value that a challenge password must have (RFC 7030 §3.5), base64; null when the connection has no channel binding. */
  readonly binding: string | null
}

export function refuse(
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
