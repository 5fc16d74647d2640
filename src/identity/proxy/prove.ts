import { X509Certificate } from 'node:crypto'
import type { GatewayError } from '../../errors.ts'
import { type Certificate, toCertificate } from '../../x509/certificate.ts'
import { weaknessIn } from '../../x509/strength.ts'
import {
  createVerifier,
  type Proof,
  type RefusedCertificate,
  unreadable,
  type VerifierOptions,
} from '../verify.ts'

export type ProverOptions = Omit<VerifierOptions, 'objectTo'>

/** Verifies a certificate that a proxy passed on. It repeats every check, because the proxy's own checks are not trusted. */
export interface Prover {
  /** Whose certificate the first of these is, in DER; the others are what was sent with it. */
  prove(chain: readonly Buffer[]): Proof | GatewayError
  /** Whether it still holds, and until when; or why not. Signatures that were verified are not verified again. */
  again(proof: Proof): Proof | GatewayError
}

export function createProver(options: ProverOptions): Prover {
  const { trust, pattern, now = Date.now } = options
  const verifier = createVerifier({ trust, pattern, now, objectTo: weaknessIn })

  return {
    prove([der, ...others]) {
      try {
        const own = toCertificate(readWhole(der as Buffer))
        return toAnswer(verifier.verify(own, others.flatMap(readAuthority)))
      } catch (error) {
        return unreadable(error, { pattern, now }).error
      }
    },
    again: (proof) => toAnswer(verifier.again(proof)),
  }
}

function toAnswer(found: Proof | RefusedCertificate): Proof | GatewayError {
  return 'error' in found ? found.error : found
}

/** OpenSSL reads PEM as well, and passes over what follows the certificate. */
function readWhole(der: Buffer): X509Certificate {
  const read = new X509Certificate(der)
  if (!read.raw.equals(der)) throw new Error('is followed by something else')
  return read
}

/** None for one that cannot be read: where it is not on the path it does not matter, and where it is there is no path. */
function readAuthority(der: Buffer): Certificate[] {
  try {
    return [toCertificate(readWhole(der))]
  } catch {
    return []
  }
}
