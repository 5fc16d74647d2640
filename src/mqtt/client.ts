import type { Logger } from 'pino'
import type { Access } from '../acl/access.ts'
import type { Denials } from '../acl/denials.ts'
import type { Session } from '../broker/session.ts'
import type { BrokerSessions } from '../broker/session-broker.ts'
import type { Ledger } from '../budget/ledger.ts'
import type { Config } from '../config/load.ts'
import type { Door } from '../door-table.ts'
import type { Identity } from '../identity/identity.ts'
import type { LogLimit } from '../log/log-limit.ts'
import type { CutReason, Meter } from '../metrics/meter.ts'
import type { Relay } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'
import type { Holds } from './holds.ts'
import type { Disconnect } from './packets.ts'
import type { ReaderLimits } from './reader.ts'
import type { ProtocolError } from './reasons.ts'
import type { SharedFrames } from './shared-frames.ts'
import type { Terms } from './terms.ts'
import type { Visits } from './visits.ts'
import type { Wire, WireShared } from './wire.ts'

/** What every connection works with. */
export interface MqttWorld {
  readonly sessions: BrokerSessions
  readonly relay: Relay
  /** Counts what is in memory for each device. */
  readonly memory: Ledger
  readonly meter: Meter
  readonly settings: Config['mqtt']
  /** Milliseconds that a client may take nothing while it is behind. */
  readonly stallMs: number
  readonly frames: SharedFrames
  readonly wires: WireShared
  readonly limits: ReaderLimits
  readonly log: Logger
  readonly logLimited: LogLimit
  readonly visits: Visits
  readonly denials: Denials
  readonly turns: Turns
}

/** A client whose CONNECT was accepted, as its connection's parts see it. */
export interface Client {
  readonly identity: Identity
  readonly door: Door
  readonly terms: Terms
  readonly session: Session
  readonly access: Access
  readonly holds: Holds
  readonly wire: Wire
  /** Whether packets may still be written. */
  isOpen(): boolean
  /** Ends the connection for a reason of the client's. */
  fail(error: ProtocolError, bound?: CutReason): void
  /** Ends the connection for any error. */
  failFor(error: unknown): void
  /** The client has sent DISCONNECT. */
  disconnect(packet: Disconnect): void
  /** Stops reading from the client until the returned function is called. */
  hold(): () => void
}
