import type { PeerCertificate, Server, TLSSocket } from 'node:tls'
import { GatewayError, messageOf } from '../errors.ts'
import type { Door } from '../metrics/meter.ts'
import { createPace } from '../pace.ts'
import type { Objection } from '../x509/path.ts'
import { type IdentityRules, toIdentity } from './certificate.ts'
import type { Identity } from './identity.ts'
import { createPeers, type Presented, type Shown } from './peer.ts'
import type { Trust } from './trust.ts'

/** Where the answer is kept: on the socket itself, so that HTTP/2's stand-in for it finds it too. */
const answer = Symbol('identity')
const objection = Symbol('objection')
const farewell = Symbol('farewell')
type Farewell = (what: string) => void
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

/** What there is against the certificate of a connection, by OpenSSL's name for it; undefined where nothing is. */
export function objectionTo(socket: object): string | undefined {
  return (socket as NamedSocket)[objection]
}

/**
 * Has `say` called when the connection is ended for its certificate's sake: it may say what has become of the
 * certificate ("is revoked"), and has a second to do so.
 */
export function beforeDismissal(socket: object, say: Farewell): void {
  ;(socket as NamedSocket)[farewell] = say
}

/** What has become of a certificate, to be read after "your certificate". */
export function whatBecameOf(refusal: unknown): string {
  const isOver = refusal instanceof GatewayError && OUTLIVED_CODES.has(refusal.code)
  return toFarewell(isOver)
}

function toFarewell(isOver: boolean): string {
  return isOver ? 'has expired or is revoked' : 'is not trusted any longer'
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
  /** Names every connection of `server`, which is a door, as soon as its handshake is done, once. */
  identify(server: Server, door: Door): void
  all(): Iterable<LiveConnection>
  /** Verifies the whole chain of everybody who is connected again, and ends the connections of those that no longer hold. */
  recheck(): Promise<void>
  close(): void
}

export interface DeviceConnectionsOptions extends IdentityRules {
  /** The trust in force. */
  trust(): Trust
  /** Told of each connection that is ended because its certificate no longer holds, and why. */
  readonly onDismissed?: (connection: LiveConnection, reason: string) => void
  /** Asked first: why a connection is refused whatever else it shows. */
  readonly objectTo?: (socket: TLSSocket) => GatewayError | null
}

const SWEEP_MS = 1000
/** Connections that are asked about before others have their turn. */
const CHECKED_AT_ONCE = 100
/** What somebody whose connection is ended has to read why. */
const PARTING_MS = 1_000
/** What a slow radio link needs to ask once and to read why it is refused. */
const NAMELESS_MS = 30_000

/** Somebody who is connected, and until when that is known to be right. */
interface Live extends Shown {
  until: number
  readonly id: string
}

/** The one place where a connection gets its identity, and loses it when its certificate no longer holds. */
export function createDeviceConnections(options: DeviceConnectionsOptions): DeviceConnections {
  const { trust, now = Date.now } = options
  const rules = { pattern: options.pattern, now }
  const peers = createPeers(trust)
  const live = new Map<TLSSocket, Live & Pick<LiveConnection, 'door' | 'since'>>()

  function name(socket: TLSSocket, door: Door): void {
    const { who, shown } = find(socket)
    ;(socket as NamedSocket)[answer] = who
    if (!shown) {
      // pings keep an HTTP/2 connection open that never asks for anything, and so never gets its 401
      const parting = setTimeout(() => socket.destroy(), NAMELESS_MS).unref()
      socket.once('close', () => clearTimeout(parting))
      return
    }
    live.set(socket, { ...shown, door, since: now() })
    socket.once('close', () => live.delete(socket))
  }

  function find(socket: TLSSocket): { who: Identity | GatewayError; shown?: Live } {
    let peer: Presented | null
    try {
      const refused = options.objectTo?.(socket) ?? null
      if (refused) return { who: refused }
      peer = peers.read(socket)
    } catch (error) {
      return { who: object(socket, undefined, { reason: messageOf(error) }) }
    }
    if (!peer) return { who: toIdentity({ certificate: undefined, objection: null }, rules) }
    // asked here and not of OpenSSL: a resumed TLS session carries its verdict from the first handshake
    const verdict = peers.judge(peer, now())
    if (verdict.objection) return { who: object(socket, peer.subject, verdict.objection) }
    const who = toIdentity({ certificate: peer.subject, objection: null }, rules)
    if (who instanceof GatewayError) return { who }
    const { certificate, sent } = peer
    return { who, shown: { certificate, sent, until: verdict.until, id: who.id } }
  }

  function object(
    socket: TLSSocket,
    certificate: PeerCertificate | undefined,
    found: Objection,
  ): GatewayError {
    ;(socket as NamedSocket)[objection] = found.authority
      ? `${found.reason} of the CA "${found.authority.subjectName}"`
      : found.reason
    const shown = certificate ?? ({ subject: {} } as PeerCertificate)
    return toIdentity({ certificate: shown, objection: found }, rules) as GatewayError
  }

  async function recheck(everybody = true): Promise<void> {
    const pace = createPace(CHECKED_AT_ONCE)
    for (const [socket, shown] of live) {
      if (!everybody && shown.until > now()) continue
      while (!pace.take()) await pace.turn()
      if (socket.destroyed) continue
      const verdict = peers.judge(shown, now())
      if (verdict.objection === null) shown.until = verdict.until
      else {
        options.onDismissed?.(toConnection(socket, shown), verdict.objection.reason)
        dismiss(socket, verdict.objection)
      }
    }
  }

  function dismiss(socket: TLSSocket, { reason }: Objection): void {
    const say = (socket as NamedSocket)[farewell]
    if (!say) {
      socket.destroy()
      return
    }
    live.delete(socket)
    say(toFarewell(OUTLIVED.has(reason)))
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }

  const sweeper = setInterval(() => void recheck(false), SWEEP_MS).unref()
  return {
    // before any other listener, so that nothing is read from a socket that has no name yet
    identify: (server, door) =>
      void server.prependListener('secureConnection', (socket) => name(socket, door)),
    *all() {
      for (const [socket, known] of live) yield toConnection(socket, known)
    },
    recheck: () => recheck(),
    close: () => clearInterval(sweeper),
  }
}

function toConnection(
  socket: TLSSocket,
  { id, door, since }: Pick<LiveConnection, 'id' | 'door' | 'since'>,
): LiveConnection {
  return { id, door, socket, since, speaksMqtt: farewell in socket }
}

const OUTLIVED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_REVOKED'])
const OUTLIVED_CODES: ReadonlySet<string> = new Set(['certificate_expired', 'certificate_revoked'])
