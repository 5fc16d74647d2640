import type { PeerCertificate } from 'node:tls'
import { createRecent } from '../budget/recent.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { Certificate } from '../x509/certificate.ts'
import { type Objection, type PathRules, verifyPath } from '../x509/path.ts'
import { type IdentityRules, toIdentity } from './certificate.ts'
import type { Identity } from './identity.ts'

/** A verified certificate, its identity, and what the verdict is based on. */
export interface Proof {
  readonly identity: Identity
  readonly certificate: Certificate
  /** The authorities above it. */
  readonly authorities: readonly Certificate[]
  /** The trust (`TrustSource.current`) that it was verified by. */
  readonly trust: object
  /** When it was verified, and when the verdict ends by itself, in milliseconds since the Unix epoch. */
  readonly since: number
  readonly until: number
}

/** A refusal as the client is told, and the objection behind it; null where the certificate holds but its name is not usable. */
export interface RefusedCertificate {
  readonly error: GatewayError
  readonly objection: Objection | null
}

/** Whether a proof is still right: same trust, and neither its end nor a clock that was set back to before it. */
export function stillHolds({ trust, since, until }: Proof, current: object, now: number): boolean {
  return trust === current && since <= now && now < until
}

export interface VerifierOptions extends IdentityRules {
  /** The trust in force. */
  trust(): PathRules
  /** Further objections to a path, for certificates that OpenSSL has not checked in a handshake. */
  readonly objectTo?: (path: readonly Certificate[]) => Objection | null
}

/** Verifies certificates, and names their devices. */
export interface Verifier {
  /** `sent` are the CAs that came with it; `others` is OpenSSL's objection, which counts where there is no other. */
  verify(
    certificate: Certificate,
    sent: readonly Certificate[],
    others?: Objection | null,
  ): Proof | RefusedCertificate
  /** Verifies it again by the current trust and time, but no signature twice. */
  again(proof: Proof): Proof | RefusedCertificate
  refuse(certificate: Certificate, objection: Objection): RefusedCertificate
  /** The CAs of the certificates that were verified last. */
  authorities(): Certificate[]
}

/** The part of a proof that is not read from the certificate. */
type Basis = Pick<Proof, 'authorities' | 'trust' | 'since' | 'until'>

/** CAs that are kept, so that their devices share them and their signatures are verified once. */
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

/** The refusal of a certificate that cannot be read. */
export function unreadable(error: unknown, rules: IdentityRules): RefusedCertificate {
  const objection = { reason: messageOf(error) }
  const certificate = { subject: {} } as PeerCertificate
  return { error: toIdentity({ certificate, objection }, rules) as GatewayError, objection }
}
