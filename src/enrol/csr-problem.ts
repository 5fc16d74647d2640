import type { IssuedEntry } from '../ca/ledger.ts'
import type { Csr } from '../ca/read-csr.ts'
import { type EnrolRefusal, refuse } from './decision.ts'
import { waitForNext } from './standing.ts'

/** Why a request cannot be granted, although its credential is good for `id`; null when it can. */
export function csrProblem(
  csr: Csr,
  id: string,
  issued: readonly IssuedEntry[],
  now: number,
): EnrolRefusal | null {
  const [name = id, ...others] = csr.commonNames
  const names = [name, ...others, ...csr.alternativeNames.map((one) => one.replace(/^dns:/, ''))]
  const foreign = names.find((one) => one !== id)
  if (foreign !== undefined)
    return refuse(
      'name_mismatch',
      `The request asks for ${JSON.stringify(foreign)}, but the credential is for ${id}: ask only for that name, or for none.`,
      id,
    )
  const holder = issued.find(
    (one) => one.key === csr.key && (one.id !== id || one.revokedAt !== null),
  )
  if (holder)
    return refuse(
      'key_taken',
      'The key belongs to another device or to a revoked certificate. Make a new key.',
      id,
    )
  const times = issued.filter((one) => one.id === id).map(({ issuedAt }) => issuedAt)
  const wait = waitForNext(times, now)
  if (wait === 0) return null
  const seconds = Math.ceil(wait / 1000)
  return refuse(
    'rate_limited',
    `${id} received too many certificates in a short time. Try again in ${seconds} seconds.`,
    id,
    seconds,
  )
}
