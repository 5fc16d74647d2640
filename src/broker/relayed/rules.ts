import type { Config } from '../../config/load.ts'

/** What a message of another broker must keep to; a message that does not is dropped, or loses the part that is wrong. */
export interface MessageRules {
  readonly maxPayloadBytes: Config['publishing']['maxPayloadBytes']
  readonly timeBounds: Config['publishing']['timeBounds']
  /** What the name of a device must match. */
  readonly idPattern: Config['trust']['idPattern']
}
