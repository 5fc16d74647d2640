import type { Forwarded } from '../broker/store/forwarded.ts'
import type { Config } from '../config/load.ts'
import { BRIDGE } from './inbox.ts'
import { createMapping } from './mapping.ts'

/** Which messages of the log the bridge passes on; null without one. What came from the other broker does not go back. */
export function forwardedBy({
  bridge,
  bridgeTopics,
}: Pick<Config, 'bridge' | 'bridgeTopics'>): Forwarded | null {
  return bridge ? { filters: createMapping(bridgeTopics).outgoing, except: BRIDGE } : null
}
