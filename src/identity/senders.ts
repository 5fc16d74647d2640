import type { EventEmitter } from 'node:events'
import type { GatewayError } from '../errors.ts'
import { identityOf } from './connection.ts'
import type { Identity } from './identity.ts'
import type { RequestHead } from './proxy/headers.ts'

export interface IdentifiableRequest extends RequestHead {
  readonly socket: object
}

/** Who sends the requests of a door. */
export interface Senders {
  /** Who sends a request, or why nobody is known to; asked twice, it answers the same. */
  of(request: IdentifiableRequest): Identity | GatewayError
  /**
   * Counts a request of somebody, or the WebSocket that it becomes, until `carrier` emits `close`; a refusal where as many are
   * under way as may be.
   */
  enter(request: IdentifiableRequest, carrier: EventEmitter): GatewayError | null
  /** Aborted, with a GatewayError for a reason, once this is nobody's identity any more. Undefined where the connection ends with it. */
  ended(identity: Identity): AbortSignal | undefined
}

/** One connection, one device: what was found out when it was made holds for its requests. */
export const connectionSenders: Senders = {
  of: ({ socket }) => identityOf(socket),
  // counted by the connection
  enter: () => null,
  ended: () => undefined,
}
