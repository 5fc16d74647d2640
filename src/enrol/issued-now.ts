import { readIssued } from '../ca/issued.ts'
import type { Layout } from '../ca/layout.ts'
import type { IssuedEntry } from '../ca/ledger.ts'
import { stateOf } from '../disk/state.ts'

/** Reads every certificate of the ledger, oldest first; anew only where a file has changed, as a long ledger takes long. */
export function createIssuedReader(layout: Layout): () => Promise<readonly IssuedEntry[]> {
  const { ledger, crl } = layout.authority
  let known:
    | { readonly state: string; readonly issued: Promise<readonly IssuedEntry[]> }
    | undefined
  return async () => {
    // before the files: what changes while they are read is read next time
    const state = (await Promise.all([stateOf(ledger), stateOf(crl)])).join('\n')
    // one reading for all who ask meanwhile
    if (known?.state !== state) known = { state, issued: readIssued(layout) }
    const { issued } = known
    return issued.catch((error: unknown) => {
      if (known?.issued === issued) known = undefined
      throw error
    })
  }
}
