import { readCrlFile } from './crl-file.ts'
import { authoritiesInForce } from './in-force.ts'
import type { Layout } from './layout.ts'
import { type IssuedEntry, readLedger } from './ledger.ts'

/** Every certificate that the CAs issued, oldest first, from the ledger and the revocation lists. */
export async function readIssued(layout: Layout): Promise<IssuedEntry[]> {
  const issued = await readLedger(layout.authority.ledger)
  const authorities = await authoritiesInForce(layout)
  const file = await readCrlFile(layout, authorities)
  const [first] = authorities
  // a revocation is written to the list first, then to the ledger
  return issued.map((entry) => {
    const list = file?.lists.get(entry.issuer ?? first.fingerprint)
    return { ...entry, revokedAt: entry.revokedAt ?? list?.revoked.get(entry.serial) ?? null }
  })
}
