import type { GatewayError } from '../errors.ts'
import { identityOf } from './connection.ts'
import type { Identity } from './identity.ts'
import type { RequestHead } from './proxy/headers.ts'

export interface IdentifiableRequest extends RequestHead {
  readonly socket: object
}

/** What tells the end of a request. */
export interface Carrier {
  once(event: 'close', listener: () => void): unknown
}

/** Who sends the requests of a door. */
export interface Senders {
  /** The sender of a request, or why it is not known. The answer stays the same for a request. */
  of(request: IdentifiableRequest): Identity | GatewayError
  /**
   * Counts a request, or the WebSocket that it becomes, until `carrier` emits `close`. Returns a refusal where the device has
   * as many under way as it may.
   */
  enter(request: IdentifiableRequest, carrier: Carrier): GatewayError | null
  /** Aborted with a GatewayError once the certificate no longer holds. Undefined where the connection ends with it. */
  ended(identity: Identity): AbortSignal | undefined
}

/** One device per connection: its requests have the identity of the connection. */
export const connectionSenders: Senders = {
  of: ({ socket }) => identityOf(socket),
  // counted by the connection
  enter: () => null,
  ended: () => undefined,
}
