import type { Certificate } from './certificate.ts'

/** `ask`, which verifies a signature, remembered by the issuer's fingerprint: what was once found out of two stays true. */
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
