import { readCrlFile } from './crl-file.ts'
import type { Layout } from './layout.ts'
import { type IssuedEntry, readLedger } from './ledger.ts'

/** Every certificate that the authority issued, oldest first, as the ledger and the revocation list have it. */
export async function readIssued(layout: Layout): Promise<IssuedEntry[]> {
  const issued = await readLedger(layout.authority.ledger)
  const crl = await readCrlFile(layout)
  // a revocation is on the list first, in the ledger after that
  return issued.map((entry) => ({
    ...entry,
    revokedAt: entry.revokedAt ?? crl?.revoked.get(entry.serial) ?? null,
  }))
}
