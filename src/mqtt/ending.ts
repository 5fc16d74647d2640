import type { CloseRequest } from '../broker/registry.ts'
import type { EndReason } from '../broker/session.ts'
import type { CutReason } from '../metrics/meter.ts'
import { boundOf } from './bounds.ts'
import { asSentence } from './connack.ts'
import { boundDiscarded } from './discarded.ts'
import { disconnectPacket } from './encode.ts'
import type { Disconnect } from './packets.ts'
import { type ClientConnection, termsOf } from './phase.ts'
import { ProtocolError, Reason } from './reasons.ts'
import type { Terms } from './terms.ts'
import type { Visit, Why } from './visits.ts'

/** Milliseconds that a client has to read why its connection ends. */
const PARTING_MS = 1_000
/** How a session is closed when its client sent no DISCONNECT. */
const LOST: CloseRequest = { sendsWill: true, expiry: null }

/** Why the broker ends a connection: the reason code and the sentence for the client, and the text for the log. */
const ENDS: Record<EndReason, readonly [reason: number, sentence: string, logged: string]> = {
  taken_over: [
    Reason.sessionTakenOver,
    'Another connection has the same client id.',
    'lost its session to another connection with the same client id',
  ],
  shutting_down: [
    Reason.serverShuttingDown,
    'The gateway is stopping.',
    'was disconnected because the gateway is stopping',
  ],
}

/** Ends a connection because of a mistake of the client, and counts it under `bound`. */
export function fail(
  connection: ClientConnection,
  error: ProtocolError,
  bound: CutReason | null = boundOf(error.reason),
): void {
  const { phase, world, door } = connection
  if (phase.name === 'ended') return
  if (bound) world.meter.connectionCut(door, bound)
  if (phase.name !== 'open') logCut(connection, error)
  tell(connection, error.reason, asSentence(error.message))
  leave(connection, LOST, error)
}

/** Ends a connection because of an error. An error that is not a ProtocolError is a fault of the gateway, and is logged. */
export function failFor(connection: ClientConnection, error: unknown, bound?: CutReason): void {
  if (error instanceof ProtocolError) {
    fail(connection, error, bound)
    return
  }
  const { world, identity, door } = connection
  world.logLimited(`failed\0${identity.id}`, (repeated) =>
    world.log.error(
      { err: error, device: identity.id, door, ...repeated },
      'an MQTT connection failed',
    ),
  )
  fail(connection, new ProtocolError(Reason.unspecifiedError, 'cannot be served'), bound)
}

/** The client has closed the connection, or can no longer be reached. */
export function vanish(connection: ClientConnection, why: string): void {
  if (connection.phase.name !== 'ended') leave(connection, LOST, why)
}

/** The client has sent DISCONNECT. */
export function disconnect(
  connection: ClientConnection,
  { reason, sessionExpiry }: Disconnect,
  { asked, mostSessionExpirySeconds }: Terms,
): void {
  if (!asked.sessionExpiry && sessionExpiry !== null && sessionExpiry > 0)
    throw new ProtocolError(
      Reason.protocolError,
      'asked for a session expiry in DISCONNECT, but not in CONNECT [MQTT-3.14.2-2]',
    )
  const expiry = sessionExpiry && Math.min(sessionExpiry, mostSessionExpirySeconds)
  const sendsWill = reason !== Reason.success
  const code = sendsWill ? ` with reason code 0x${reason.toString(16).padStart(2, '0')}` : ''
  leave(connection, { sendsWill, expiry }, `sent DISCONNECT${code}`)
}

/** The client has sent nothing for too long. */
export function silent(connection: ClientConnection): void {
  const { keepAlive = 0 } = termsOf(connection) ?? {}
  const sentence = `sent nothing for ${keepAlive * 1.5} seconds; its keep alive is ${keepAlive}`
  fail(connection, new ProtocolError(Reason.keepAliveTimeout, sentence))
}

/** Ends a connection whose session the broker has taken away. */
export function endFor(connection: ClientConnection, reason: EndReason): void {
  const [code, sentence, logged] = ENDS[reason]
  tell(connection, code, sentence)
  part(connection, logged)
}

/** Ends a connection whose certificate is no longer valid; `what` says why, such as "has expired". */
export function dismiss(connection: ClientConnection, what: string): void {
  tell(connection, Reason.administrativeAction, `The client certificate ${what}.`)
  vanish(connection, `has a certificate that ${what}`)
}

/** The client, with the fields that the log shows. */
export function visitOf(
  { identity, door, address, since }: ClientConnection,
  { clientId: client }: Terms,
): Visit {
  return { device: identity.id, client, door, address, since }
}

/** Logs the end of a connection that has no session yet. */
function logCut(connection: ClientConnection, error: ProtocolError): void {
  const { world, identity, door, address } = connection
  world.logLimited(`cut\0${error.reason}\0${identity.id}`, (repeated) =>
    world.log.warn(
      {
        device: identity.id,
        client: termsOf(connection)?.clientId,
        door,
        address,
        reason: error.message,
        ...repeated,
      },
      'disconnecting an MQTT client',
    ),
  )
}

/** Tells an MQTT 5 client why its connection ends. */
function tell({ phase, wire }: ClientConnection, reason: number, sentence: string): void {
  if (phase.name !== 'open' || phase.terms.version < 5) return
  wire.write(disconnectPacket(reason, phase.terms.wantsReasons ? sentence : undefined))
}

/** Ends the connection, then closes its session. */
function leave(connection: ClientConnection, request: CloseRequest, why: Why): void {
  const { phase, world } = connection
  part(connection, why)
  // last, so that the client gets neither its own will nor other messages
  if (phase.name === 'open') world.sessions.close(phase.session, phase.link, request)
}

/** Sends what waits, and closes the stream. What still arrives is read and discarded: unread bytes would make TCP send a reset. */
function part(connection: ClientConnection, why: Why): void {
  const { phase, world, reader, stream, wire } = connection
  if (phase.name === 'open') {
    world.visits.left(visitOf(connection, phase.terms), why)
    phase.keepAlive.stop()
    phase.conversation.end()
  }
  connection.phase = { name: 'ended' }
  if (phase.name === 'opening') phase.leaveLine?.()
  reader.stop()
  boundDiscarded(stream)
  wire.end()
  setTimeout(() => stream.destroy(), PARTING_MS).unref()
}
