import type { Logger } from 'pino'
import type { Trust } from '../identity/trust.ts'

/** Most log lines for one change of the lists. */
const MOST_LINES = 100

/** Logs the certificates that are new in the lists. A connection that ends because of that has a log line of its own. */
export function logRevoked(
  before: Pick<Trust, 'revocations'>,
  after: Pick<Trust, 'revocations'>,
  log: Pick<Logger, 'warn'>,
): void {
  const known = new Set(entriesOf(before).map(({ key }) => key))
  const added = entriesOf(after).filter(({ key }) => !known.has(key))
  for (const { serial, authority } of added.slice(0, MOST_LINES))
    log.warn({ serial, authority, reason: 'revoked' }, 'a certificate was revoked')
  if (added.length > MOST_LINES)
    log.warn({ count: added.length - MOST_LINES }, 'more certificates are revoked')
}

/** A serial number is unique for one issuer only. */
function entriesOf({ revocations }: Pick<Trust, 'revocations'>) {
  return (revocations?.lists ?? []).flatMap(({ issuer, issuerName: authority, revoked }) =>
    [...revoked.keys()].map((serial) => ({ key: `${serial} ${issuer}`, serial, authority })),
  )
}
