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

/** How long a client has to read why its connection ends. */
const PARTING_MS = 1_000
/** A session that is given back without a DISCONNECT. */
const LOST: CloseRequest = { sendsWill: true, expiry: null }

/** What a client is told whose connection the broker ends, a reason code and a sentence, and what the log says of it. */
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

/** Ends it for what the client did wrong, which `bound` counts it as. */
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

/** Ends it for an error; one that is no ProtocolError is a fault of the gateway, and logged as such. */
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

/** The client has closed it, or can no longer be reached. */
export function vanish(connection: ClientConnection, why: string): void {
  if (connection.phase.name !== 'ended') leave(connection, LOST, why)
}

/** The client has sent DISCONNECT. */
export function disconnect(
  connection: ClientConnection,
  { reason, sessionExpiry }: Disconnect,
  { asked, mostSessionExpiry }: Terms,
): void {
  if (!asked.sessionExpiry && sessionExpiry !== null && sessionExpiry > 0)
    throw new ProtocolError(
      Reason.protocolError,
      'asked for a session expiry in DISCONNECT, but not in CONNECT [MQTT-3.14.2-2]',
    )
  const expiry = sessionExpiry && Math.min(sessionExpiry, mostSessionExpiry)
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

/** The broker has taken its session, and ends it. */
export function endFor(connection: ClientConnection, reason: EndReason): void {
  const [code, sentence, logged] = ENDS[reason]
  tell(connection, code, sentence)
  part(connection, logged)
}

/** Its certificate no longer holds; `what` has become of it. */
export function dismiss(connection: ClientConnection, what: string): void {
  tell(connection, Reason.administrativeAction, `The client certificate ${what}.`)
  vanish(connection, `has a certificate that ${what}`)
}

/** A client as the log names it. */
export function visitOf(
  { identity, door, address, since }: ClientConnection,
  { clientId: client }: Terms,
): Visit {
  return { device: identity.id, client, door, address, since }
}

/** Logs the end of one that has no session yet, and so does not leave. */
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

/** Gives the session back. */
function leave(connection: ClientConnection, request: CloseRequest, why: Why): void {
  const { phase, world } = connection
  part(connection, why)
  // after that, so that nothing more is sent: neither its own will nor what others say to it
  if (phase.name === 'open') world.sessions.close(phase.session, phase.link, request)
}

/** Sends what is still to be sent and closes the stream. What comes meanwhile is discarded, so that no reset overtakes it. */
function part(connection: ClientConnection, why: Why): void {
  const { phase, world, reader, stream, wire } = connection
  if (phase.name === 'open') {
    world.visits.left(visitOf(connection, phase.terms), why)
    phase.stopKeepAlive()
    phase.conversation.end()
  }
  connection.phase = { name: 'ended' }
  if (phase.name === 'opening') phase.leaveLine?.()
  reader.stop()
  boundDiscarded(stream)
  wire.end()
  setTimeout(() => stream.destroy(), PARTING_MS).unref()
}
