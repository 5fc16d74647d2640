import type { Credential, RefusalReason } from '../enrol/decision.ts'
import type { EnrolOutcome } from '../enrol/enrolment.ts'
import type { Request } from './fastify.ts'

/** Decides on a certificate signing request, in DER; null where its text is neither base64 nor PEM. */
export type DecideCsr = (
  request: Request,
  credential: Credential,
  csr: Buffer | null,
) => Promise<EnrolOutcome>

/** The HTTP status of each refusal of the enrol door. */
export const REFUSAL_STATUS: Readonly<Record<RefusalReason, number>> = {
  credential_required: 401,
  invite_unknown: 401,
  invite_expired: 401,
  invite_spent: 401,
  token_wrong: 401,
  certificate_unknown: 403,
  certificate_revoked: 403,
  certificate_superseded: 403,
  certificate_too_old: 403,
  denied: 403,
  name_mismatch: 400,
  key_weak: 400,
  key_taken: 400,
  csr_invalid: 400,
  binding_wrong: 400,
  rate_limited: 429,
  waiting_full: 503,
}

/** The token of an `Authorization` header, Basic (RFC 7617) or Bearer (RFC 6750); null for none. */
export function inviteIn(header: string | undefined): Credential | null {
  const [, scheme = '', text = ''] = /^(basic|bearer) +([\w.~+/=-]+)$/i.exec(header ?? '') ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { kind: 'invite', name: '', token: text }
    case 'basic': {
      const [name = '', ...token] = Buffer.from(text, 'base64').toString().split(':')
      return { kind: 'invite', name, token: token.join(':') }
    }
    default:
      return null
  }
}

const PEM_BLOCK =
  /^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/
// blanks match in one place only: otherwise a body of blanks would cause quadratic backtracking (ReDoS)
const BASE64 = /^[A-Za-z0-9+/\s]+(?:=\s*){0,2}$/

/** A certificate signing request as DER, from base64 with or without line breaks, or from PEM. */
export function csrIn(body: unknown): Buffer | null {
  const text = Buffer.isBuffer(body)
    ? body.toString('latin1')
    : typeof body === 'string'
      ? body
      : ''
  const base64 = PEM_BLOCK.exec(text.trimStart())?.[1] ?? (BASE64.test(text) ? text : '')
  const der = Buffer.from(base64, 'base64')
  return der.length === 0 ? null : der
}
