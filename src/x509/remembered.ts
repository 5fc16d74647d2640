import type { Certificate } from './certificate.ts'

/** Remembers the answers of `ask`, which verifies a signature, by the issuer's fingerprint. They never change. */
export function remembered<Signed extends object>(
  ask: (signed: Signed, issuer: Certificate) => boolean,
): (signed: Signed, issuer: Certificate) => boolean {
  const answers = new WeakMap<Signed, Map<string, boolean>>()
  return (signed, issuer) => {
    const known = answers.get(signed) ?? new Map<string, boolean>()
    answers.set(signed, known)
    const answer = known.get(issuer.fingerprint) ?? ask(signed, issuer)
    known.set(issuer.fingerprint, answer)
    return answer
  }
}
