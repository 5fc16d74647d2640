import type { Duplex } from 'node:stream'
import type { ClientLink, Session, Whereabouts } from '../broker/session.ts'
import type { Identity } from '../identity/identity.ts'
import type { MqttWorld } from './client.ts'
import type { Conversation } from './conversation.ts'
import type { Holds } from './holds.ts'
import type { KeepAlive, KeepAliveOwner } from './keep-alive.ts'
import type { Version } from './packets.ts'
import type { PacketReader } from './reader.ts'
import type { Terms } from './terms.ts'
import type { Wire } from './wire.ts'

/**
 * Where a connection is on its way: awaiting CONNECT → opening → open → ended. It may end from each of them. `opening.ts`
 * takes it forward, `ending.ts` ends it.
 */
export type Phase =
  | { readonly name: 'awaiting CONNECT' }
  /** CONNECT is accepted: its will waits for the publish rate, or its session for the store. */
  | Opening
  | Open
  /** It has no session any more, and what still comes is discarded. */
  | { readonly name: 'ended' }

/** CONNECT is accepted, and CONNACK is not sent yet. */
export interface Opening {
  readonly name: 'opening'
  readonly terms: Terms
  readonly link: ClientLink
  /** Gives up the place in the line of a will that waits for the publish rate. */
  leaveLine: (() => void) | null
}

export interface Open {
  readonly name: 'open'
  readonly terms: Terms
  readonly link: ClientLink
  readonly session: Session
  readonly conversation: Conversation
  readonly keepAlive: KeepAlive
}

/** A connection of one client, from its first byte to its last. */
export interface ClientConnection
  extends Pick<Whereabouts, 'door' | 'address' | 'since'>,
    KeepAliveOwner {
  readonly stream: Duplex
  readonly identity: Identity
  readonly world: MqttWorld
  readonly holds: Holds
  readonly wire: Wire
  readonly reader: PacketReader
  phase: Phase
}

/** Null before CONNECT is accepted, and after the end. */
export function termsOf({ phase }: Pick<ClientConnection, 'phase'>): Terms | null {
  return phase.name === 'opening' || phase.name === 'open' ? phase.terms : null
}

const PROTOCOLS: Record<Version, string> = { 3: '3.1', 4: '3.1.1', 5: '5' }

/** The version of MQTT that its client speaks. */
export function protocolOf(connection: Pick<ClientConnection, 'phase'>): string {
  return PROTOCOLS[termsOf(connection)?.version ?? 5]
}
