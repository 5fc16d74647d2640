import type { ForwardSelection } from '../broker/store/forward-selection.ts'
import type { Config } from '../config/load.ts'
import { BRIDGE } from './inbox.ts'
import { createMapping } from './mapping.ts'

/** Which messages of the log the bridge passes on; null without one. What came from the other broker does not go back. */
export function forwardSelectionOf({ urls, topics }: Config['bridge']): ForwardSelection | null {
  return urls ? { filters: createMapping(topics).outgoing, except: BRIDGE } : null
}
