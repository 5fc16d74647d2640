import type { Server, TLSSocket } from 'node:tls'
import { GatewayError } from '../errors.ts'
import { type IdentityRules, toIdentity } from './certificate.ts'
import type { Identity } from './identity.ts'

/** Where the answer is kept: on the socket itself, so that HTTP/2's stand-in for it finds it too. */
const answer = Symbol('identity')
const farewell = Symbol('farewell')
type NamedSocket = { [answer]?: Identity | GatewayError; [farewell]?: () => void }

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

/** Has `say` called when the connection is ended for its certificate's sake: it may say why, and has a second to do so. */
export function beforeDismissal(socket: object, say: () => void): void {
  ;(socket as NamedSocket)[farewell] = say
}

export interface DeviceConnections {
  /** Names every connection of `server` as soon as its handshake is done, once. */
  identify(server: Server): void
  /** Asks again for everybody who is connected, and ends the connections of those who may no longer be. */
  recheck(): void
  close(): void
}

const SWEEP_MS = 1000
/** What somebody whose connection is ended has to read why. */
const PARTING_MS = 1_000
/** What a slow radio link needs to ask once and to read why it is refused. */
const NAMELESS_MS = 30_000

/** The one place where a connection gets its identity, and loses it when its certificate ends or is revoked. */
export function createDeviceConnections(rules: IdentityRules): DeviceConnections {
  const live = new Map<TLSSocket, Identity>()

  function name(socket: TLSSocket): void {
    const who = toIdentity(
      {
        certificate: socket.getPeerCertificate(),
        objection: socket.authorized ? undefined : String(socket.authorizationError),
      },
      rules,
    )
    ;(socket as NamedSocket)[answer] = who
    if (who instanceof GatewayError) {
      // pings keep an HTTP/2 connection open that never asks for anything, and so never gets its 401
      const parting = setTimeout(() => socket.destroy(), NAMELESS_MS).unref()
      socket.once('close', () => clearTimeout(parting))
      return
    }
    live.set(socket, who)
    socket.once('close', () => live.delete(socket))
  }

  function recheck(): void {
    const now = (rules.now ?? Date.now)()
    for (const [socket, { notAfter, serial }] of live)
      if (notAfter <= now || rules.isRevoked(serial)) dismiss(socket)
  }

  function dismiss(socket: TLSSocket): void {
    const say = (socket as NamedSocket)[farewell]
    if (!say) {
      socket.destroy()
      return
    }
    live.delete(socket)
    say()
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }

  const sweeper = setInterval(recheck, SWEEP_MS).unref()
  return {
    // before any other listener, so that nothing is read from a socket that has no name yet
    identify: (server) => void server.prependListener('secureConnection', name),
    recheck,
    close: () => clearInterval(sweeper),
  }
}
