import type { BlockList, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyAddress } from '../config/values.ts'
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
  /** Addresses that connections may come from, where not from all. */
  readonly from?: BlockList | undefined
  /** Of load balancers that say who their clients are; nobody else may connect then. */
  readonly arrivals?: Arrivals | undefined
  /** Who of those may stay; everybody where nobody is asked for a name. */
  readonly admission?: Admission | undefined
  /** The name of a connection whose handshake is done; null where there is none. */
  readonly nameOf?: ((socket: TLSSocket) => string | null) | undefined
  /** Shared with other doors; without them the door has as many as it may. */
  readonly slots?: ConnectionSlots | undefined
  readonly meter: Meter
  /** Why a connection is not let in although its handshake is done; null when it is. */
  readonly refusal?: ((socket: TLSSocket) => Error | null) | undefined
  /** Told of each connection that is refused, before its handshake, in it or after it. */
  readonly onRefused?: ((socket: Socket, error: Error) => void) | undefined
  /** What this door speaks over TLS, so that those who forget TLS can be told. */
  readonly plain?: PlainProtocol | undefined
  /** Told of each of those. */
  readonly onPlain?: ((protocol: string, address: string | undefined) => void) | undefined
  /** Told of each connection that is refused because as many are open as may be. */
  readonly onFull?: (() => void) | undefined
  /** How this server is told to listen, where it is not its own `listen`. */
  readonly bind?: ((to: BindTo) => Promise<unknown>) | undefined
}
