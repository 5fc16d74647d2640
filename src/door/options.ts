import type { BlockList, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyAddress } from '../config/values/network.ts'
import type { Door } from '../door-table.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Admission } from './admission.ts'
import type { Arrivals } from './arrivals.ts'
import type { BindTo } from './bind.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import type { PlainProtocol } from './plain-text.ts'

export interface DoorOptions {
  readonly door: Door
  readonly address: NonNullable<ProxyAddress>
  readonly maxConnections: number
  /** Addresses that connections may come from; all without it. */
  readonly from?: BlockList | undefined
  /** Load balancers that pass on client addresses. With it, nobody else may connect. */
  readonly arrivals?: Arrivals | undefined
  /** Decides which connections may stay; without it all may. */
  readonly admission?: Admission | undefined
  /** The identity of a connection after its handshake; null without one. */
  readonly nameOf?: ((socket: TLSSocket) => string | null) | undefined
  /** Shared with other doors; without them the door has as many as it may. */
  readonly slots?: ConnectionSlots | undefined
  readonly meter: Meter
  /** Why a connection is refused after its handshake; null if it is not. */
  readonly refusal?: ((socket: TLSSocket) => Error | null) | undefined
  /** Called for each connection that is refused before, in or after its handshake. */
  readonly onRefused?: ((socket: Socket, error: Error) => void) | undefined
  /** The protocol of this door, to recognise clients that speak it without TLS. */
  readonly plain?: PlainProtocol | undefined
  /** Called for each of them. */
  readonly onPlain?: ((protocol: string, address: string | undefined) => void) | undefined
  /** Called for each connection that is dropped because the maximum is open. */
  readonly onFull?: (() => void) | undefined
  /** Replaces `server.listen`. */
  readonly bind?: ((to: BindTo) => Promise<unknown>) | undefined
}
