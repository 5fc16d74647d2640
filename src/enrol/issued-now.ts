import { readIssued } from '../ca/issued.ts'
import type { Layout } from '../ca/layout.ts'
import type { IssuedEntry } from '../ca/ledger.ts'
import { stateOf } from '../disk/state.ts'

/** Reads all certificates of the ledger, oldest first. Reads again only when a file has changed, because a ledger can be long. */
export function createIssuedReader(layout: Layout): () => Promise<readonly IssuedEntry[]> {
  const { ledger, crl } = layout.authority
  let known:
    | { readonly state: string; readonly issued: Promise<readonly IssuedEntry[]> }
    | undefined
  return async () => {
    // taken before the files are read, so that a change meanwhile is noticed next time
    const state = (await Promise.all([stateOf(ledger), stateOf(crl)])).join('\n')
    // all requests that come meanwhile share one read
    if (known?.state !== state) known = { state, issued: readIssued(layout) }
    const { issued } = known
    return issued.catch((error: unknown) => {
      if (known?.issued === issued) known = undefined
      throw error
    })
  }
}
