import type { Server, TLSSocket } from 'node:tls'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import { createPace } from '../turns/pace.ts'
import type { Objection } from '../x509/path.ts'
import type { Identity } from './identity.ts'
import { createPeers, type PeersOptions } from './peer.ts'
import { type Proof, type RefusedCertificate, stillHolds, unreadable } from './verify.ts'

/** Kept on the socket itself, since HTTP/2 hands out a proxy object for it. */
const answer = Symbol('identity')
const objection = Symbol('objection')
const farewell = Symbol('farewell')
/** Somebody who tells the client why its connection ends; `what` has happened ("has expired or is revoked"). */
interface Farewell {
  dismiss(what: string): void
}
type NamedSocket = {
  [answer]?: Identity | GatewayError
  [objection]?: string
  [farewell]?: Farewell
}

/** Who is at the other end of a connection of a device or mqtt door, or why nobody is. Fails closed. */
export function identityOf(socket: object): Identity | GatewayError {
  return (
    (socket as NamedSocket)[answer] ??
    new GatewayError('certificate_required', 'This connection has not been identified.')
  )
}

/** The name of who is at the other end; null when nobody is. */
export function nameOf(socket: object): string | null {
  const who = identityOf(socket)
  return who instanceof GatewayError ? null : who.id
}

/** The objection to the certificate of a connection, by OpenSSL's name; undefined without one. */
export function objectionTo(socket: object): string | undefined {
  return (socket as NamedSocket)[objection]
}

/**
 * Calls `dismiss` before the connection is ended because its certificate no longer holds. It has a second to tell the client.
 */
export function beforeDismissal(socket: object, by: Farewell): void {
  ;(socket as NamedSocket)[farewell] = by
}

/** What has happened to a certificate, to follow "your certificate". */
export function whatBecameOf(refusal: unknown): string {
  const isOver = refusal instanceof GatewayError && OUTLIVED_CODES.has(refusal.code)
  return toFarewell(isOver)
}

function toFarewell(isOver: boolean): string {
  return isOver ? 'has expired or is revoked' : 'is no longer trusted'
}

/** A connection whose device is known. */
export interface LiveConnection {
  readonly id: string
  readonly door: Door
  readonly socket: TLSSocket
  /** When its handshake was done, in milliseconds since the Unix epoch. */
  readonly since: number
  readonly speaksMqtt: boolean
}

export interface DeviceConnections {
  /** Identifies each connection of this door as soon as its handshake is done. */
  identify(server: Server, door: Door): void
  all(): Iterable<LiveConnection>
  /** Verifies the certificates of all connections again whose proof has ended, and ends the connections that are refused. */
  recheck(): Promise<void>
  close(): void
}

export interface DeviceConnectionsOptions extends PeersOptions {
  /** Called for each connection that is ended because its certificate no longer holds. */
  readonly onDismissed?: (connection: LiveConnection, reason: string) => void
  /** Asked first: a reason to refuse a connection whatever its certificate is. */
  readonly objectTo?: (socket: TLSSocket) => GatewayError | null
}

const SWEEP_MS = 1000
/** Connections that are verified again in one turn of the event loop. */
const CHECKED_AT_ONCE = 100
/** The time that a client has to read why its connection ends. */
const PARTING_MS = 1_000
/** How long a client without an identity may stay: a slow radio link needs this to ask once and read its 401. */
const NAMELESS_MS = 30_000

/** Somebody who is connected. */
interface Live extends Pick<LiveConnection, 'door' | 'since'> {
  proof: Proof
}

/** The one place where a connection gets its identity, and loses it when its certificate no longer holds. */
export function createDeviceConnections(options: DeviceConnectionsOptions): DeviceConnections {
  const { trust, now = Date.now } = options
  const peers = createPeers(options)
  const live = new Map<TLSSocket, Live>()

  function name(socket: TLSSocket, door: Door): void {
    const found = find(socket)
    if ('error' in found) {
      refuse(socket, found)
      return
    }
    ;(socket as NamedSocket)[answer] = found.identity
    live.set(socket, { proof: found, door, since: now() })
    socket.on('close', left)
  }

  // one function for all of them: there may be tens of thousands
  function left(this: TLSSocket): void {
    live.delete(this)
  }

  function find(socket: TLSSocket): Proof | RefusedCertificate {
    try {
      const error = options.objectTo?.(socket) ?? null
      return error ? { error, objection: null } : peers.identify(socket)
    } catch (error) {
      return unreadable(error, options)
    }
  }

  function refuse(
    socket: NamedSocket & TLSSocket,
    { error, objection: found }: RefusedCertificate,
  ): void {
    socket[answer] = error
    if (found) socket[objection] = toText(found)
    // an HTTP/2 client that only pings never gets its 401, and would stay
    const parting = setTimeout(() => socket.destroy(), NAMELESS_MS).unref()
    socket.once('close', () => clearTimeout(parting))
  }

  async function recheck(): Promise<void> {
    const pace = createPace(CHECKED_AT_ONCE)
    for (const [socket, one] of live) {
      if (stillHolds(one.proof, trust(), now())) continue
      while (!pace.take()) await pace.turn()
      if (socket.destroyed) continue
      const found = peers.again(one.proof)
      if ('error' in found) dismiss(socket, one, found)
      else one.proof = found
    }
  }

  function dismiss(
    socket: TLSSocket,
    one: Live,
    { error, objection: found }: RefusedCertificate,
  ): void {
    const reason = found?.reason ?? error.code
    options.onDismissed?.(toConnection(socket, one), reason)
    const by = (socket as NamedSocket)[farewell]
    if (!by) {
      socket.destroy()
      return
    }
    live.delete(socket)
    by.dismiss(toFarewell(OUTLIVED.has(reason)))
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }

  const sweeper = setInterval(() => void recheck(), SWEEP_MS).unref()
  return {
    // before any other listener, so that nothing is read from a socket that is not identified yet
    identify: (server, door) =>
      void server.prependListener('secureConnection', (socket) => name(socket, door)),
    *all() {
      for (const [socket, known] of live) yield toConnection(socket, known)
    },
    recheck,
    close: () => clearInterval(sweeper),
  }
}

function toConnection(socket: TLSSocket, { proof, door, since }: Live): LiveConnection {
  return { id: proof.identity.id, door, socket, since, speaksMqtt: farewell in socket }
}

function toText({ reason, authority }: Objection): string {
  return authority ? `${reason} of the CA "${authority.subjectName}"` : reason
}

const OUTLIVED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_REVOKED'])
const OUTLIVED_CODES: ReadonlySet<string> = new Set(['certificate_expired', 'certificate_revoked'])
