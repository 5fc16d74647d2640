import type { PeerCertificate } from 'node:tls'
import { createRecent } from '../budget/recent.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Objection, type PathRules, verifyPath } from '../x509/path.ts'
import { type IdentityRules, toIdentity } from './certificate.ts'
import type { Identity } from './identity.ts'

/** A certificate that was verified, whose it is, and what that rests on. */
export interface Proof {
  readonly identity: Identity
  readonly certificate: Certificate
  /** The authorities above it. */
  readonly authorities: readonly Certificate[]
  /** The trust that it was verified by. */
  readonly trust: object
  /** When it was verified, and when time alone may change the verdict; in milliseconds since the Unix epoch. */
  readonly since: number
  readonly until: number
}

/** Why a certificate is nobody's, as its sender is told, and what there is against it, where that is not its name. */
export interface RefusedCertificate {
  readonly error: GatewayError
  readonly objection: Objection | null
}

/** Whether nothing has changed that a proof rests on. With the clock set back before it, that is not known. */
export function stillHolds({ trust, since, until }: Proof, current: object, now: number): boolean {
  return trust === current && since <= now && now < until
}

export interface VerifierOptions extends IdentityRules {
  /** The trust in force. */
  trust(): PathRules
  /** What else there is against a path, where no handshake has looked for it. */
  readonly objectTo?: (path: readonly Certificate[]) => Objection | null
}

/** Says whose a certificate is. */
export interface Verifier {
  /** Verifies a certificate that was sent with these authorities. `others` is what somebody else has against it. */
  verify(
    certificate: Certificate,
    sent: readonly Certificate[],
    others?: Objection | null,
  ): Proof | RefusedCertificate
  /** The same by the trust and the time of now. Signatures that were verified are not verified again. */
  again(proof: Proof): Proof | RefusedCertificate
  refuse(certificate: Certificate, objection: Objection): RefusedCertificate
  /** The authorities that the certificates verified last descend from. */
  authorities(): Certificate[]
}

/** What a proof rests on. */
type Basis = Pick<Proof, 'authorities' | 'trust' | 'since' | 'until'>

/** Authorities that are kept, so that the devices below one share it and its signature is verified once. */
const MOST_AUTHORITIES = 256

export function createVerifier(options: VerifierOptions): Verifier {
  const { trust, objectTo = () => null, pattern, now = Date.now } = options
  const rules = { pattern, now }
  const known = createRecent<Certificate>(MOST_AUTHORITIES)

  function judge(certificate: Certificate, sent: readonly Certificate[]): Basis | Objection {
    const [current, since] = [trust(), now()]
    const verdict = verifyPath(certificate, sent, current, since)
    if (verdict.objection) return verdict.objection
    const { path, until } = verdict
    const objection = objectTo(path)
    if (objection) return objection
    const authorities = path.slice(1)
    for (const authority of authorities) known.set(authority.fingerprint, authority)
    return { authorities, trust: current, since, until }
  }

  function toWho(certificate: Certificate, objection: Objection | null): Identity | GatewayError {
    const legacy = certificate.x509().toLegacyObject() as PeerCertificate
    return toIdentity({ certificate: legacy, objection }, rules)
  }

  function refuse(certificate: Certificate, objection: Objection): RefusedCertificate {
    return { error: toWho(certificate, objection) as GatewayError, objection }
  }

  return {
    verify(certificate, sent, others = null) {
      const shared = sent.map((authority) => known.get(authority.fingerprint) ?? authority)
      const basis = judge(certificate, shared)
      if ('reason' in basis) return refuse(certificate, basis)
      if (others) return refuse(certificate, others)
      const who = toWho(certificate, null)
      if (who instanceof GatewayError) return { error: who, objection: null }
      return { identity: who, certificate, ...basis }
    },
    again(proof) {
      const basis = judge(proof.certificate, proof.authorities)
      return 'reason' in basis ? refuse(proof.certificate, basis) : { ...proof, ...basis }
    },
    refuse,
    authorities: () => [...known.values()],
  }
}

/** Refuses what cannot be read as a certificate. */
export function unreadable(error: unknown, rules: IdentityRules): RefusedCertificate {
  const objection = { reason: messageOf(error) }
  const certificate = { subject: {} } as PeerCertificate
  return { error: toIdentity({ certificate, objection }, rules) as GatewayError, objection }
}
