import type { Certificate } from './certificate.ts'
import { elements, sequence } from './der.ts'
import type { Objection } from './path.ts'
import { readAlgorithm } from './signature.ts'

const LEAST_RSA_BITS = 2048
const LEAST_CURVE_BITS = 224
const MODERN = /^(?:ed25519|ed448|ml-dsa-\d+)$/

/**
 * What is too weak on a path, by OpenSSL's names. OpenSSL refuses such certificates in a handshake (security level 2), so
 * certificates that a proxy passes on are refused for the same. Name constraints are not evaluated here and count as violated.
 */
export function weaknessIn(path: readonly Certificate[]): Objection | null {
  for (const [index, certificate] of path.entries()) {
    const isLast = index === path.length - 1
    const found = (reason: string): Objection =>
      index === 0 ? { reason } : { reason, authority: certificate }
    if (!isStrongKey(certificate))
      return found(index === 0 ? 'EE_KEY_TOO_SMALL' : 'CA_KEY_TOO_SMALL')
    // an anchor's own signature proves nothing
    if (!isLast && !isStronglySigned(certificate)) return found('CA_MD_TOO_WEAK')
    if (certificate.hasNameConstraints) return found('UNSUPPORTED_CONSTRAINT_TYPE')
  }
  return null
}

function isStrongKey(certificate: Certificate): boolean {
  const { asymmetricKeyType = '', asymmetricKeyDetails = {} } = certificate.x509().publicKey
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss')
    return modulusLength >= LEAST_RSA_BITS
  if (asymmetricKeyType === 'ec') return Number(/\d{3}/.exec(namedCurve)) >= LEAST_CURVE_BITS
  return MODERN.test(asymmetricKeyType)
}

function isStronglySigned({ der }: Certificate): boolean {
  try {
    const [, algorithm] = sequence(elements(der)[0])
    return readAlgorithm(algorithm).digest !== 'sha1'
  } catch {
    // an algorithm such as MD5, which is not read at all
    return false
  }
}
