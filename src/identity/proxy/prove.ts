import { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import { type GatewayError, messageOf } from '../../errors.ts'
import { type Certificate, toCertificate } from '../../x509/certificate.ts'
import { type PathRules, type Verdict, verifyPath } from '../../x509/path.ts'
import { weaknessIn } from '../../x509/strength.ts'
import { type IdentityRules, toIdentity } from '../certificate.ts'
import type { Identity } from '../identity.ts'

/** A certificate that was passed on, and until when it holds by the trust of that moment. */
export interface Proof {
  readonly identity: Identity
  readonly certificate: Certificate
  /** The authorities above it, as far as they were sent with it. */
  readonly sent: readonly Certificate[]
  readonly until: number
}

export interface ProverOptions extends IdentityRules {
  /** The trust in force. */
  trust(): PathRules
}

/** Verifies certificates that no handshake has shown, all of it again, whatever whoever passes them on has verified. */
export interface Prover {
  /** Whose certificate the first of these is, in DER; the others are what was sent with it. */
  prove(chain: readonly Buffer[]): Proof | GatewayError
  /** Whether it still holds, and until when; or why not. Signatures that were verified are not verified again. */
  again(proof: Proof): Proof | GatewayError
}

/** Authorities that are kept, so that the devices below one share it and its signature is verified once. */
const MOST_AUTHORITIES = 256

export function createProver({ trust, pattern, now = Date.now }: ProverOptions): Prover {
  const rules = { pattern, now }
  const authorities = new Map<string, Certificate>()

  function keep(path: readonly Certificate[]): Certificate[] {
    const kept = path.slice(1)
    for (const one of kept) {
      authorities.delete(one.fingerprint)
      authorities.set(one.fingerprint, one)
    }
    for (const oldest of authorities.keys()) {
      if (authorities.size <= MOST_AUTHORITIES) break
      authorities.delete(oldest)
    }
    return kept
  }

  function judge(certificate: Certificate, sent: readonly Certificate[]): Verdict {
    const verdict = verifyPath(certificate, sent, trust(), now())
    const weakness = verdict.objection === null ? weaknessIn(verdict.path) : null
    return weakness ? { objection: weakness } : verdict
  }

  function conclude(
    certificate: Certificate,
    sent: readonly Certificate[],
    own: X509Certificate,
  ): Proof | GatewayError {
    const verdict = judge(certificate, sent)
    const subject = own.toLegacyObject() as PeerCertificate
    const who = toIdentity({ certificate: subject, objection: verdict.objection }, rules)
    if (verdict.objection !== null || !('id' in who)) return who as GatewayError
    return { identity: who, certificate, sent: keep(verdict.path), until: verdict.until }
  }

  return {
    prove([der, ...others]) {
      try {
        const own = readWhole(der as Buffer)
        const sent = others.flatMap((one) => readAuthority(one, authorities))
        return conclude(toCertificate(own), sent, own)
      } catch (error) {
        const subject = { subject: {} } as PeerCertificate
        const objection = { reason: messageOf(error) }
        return toIdentity({ certificate: subject, objection }, rules) as GatewayError
      }
    },
    again(proof) {
      const { certificate, sent } = proof
      const verdict = judge(certificate, sent)
      if (verdict.objection !== null) return conclude(certificate, sent, certificate.x509())
      return { ...proof, until: verdict.until }
    },
  }
}

/** OpenSSL reads PEM as well, and passes over what follows the certificate. */
function readWhole(der: Buffer): X509Certificate {
  const read = new X509Certificate(der)
  if (!read.raw.equals(der)) throw new Error('is followed by something else')
  return read
}

/** None for one that cannot be read: where it is not on the path it does not matter, and where it is there is no path. */
function readAuthority(der: Buffer, known: ReadonlyMap<string, Certificate>): Certificate[] {
  try {
    const read = toCertificate(readWhole(der))
    return [known.get(read.fingerprint) ?? read]
  } catch {
    return []
  }
}
