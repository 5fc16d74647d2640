import { randomUUID } from 'node:crypto'
import { COMMANDS_CLIENT_ID, type Will } from '../broker/session.ts'
import type { Abilities } from '../broker/session-broker.ts'
import type { Config } from '../config/load.ts'
import { topicProblem } from '../topic/topic.ts'
import type { ConnackProperties, Connect, Version, ConnectWill as WillPacket } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** What a client and the gateway have agreed on by CONNECT and CONNACK. */
export interface Terms {
  readonly version: Version
  readonly clientId: string
  /** Whether the client id is the gateway's choice. */
  readonly isAssigned: boolean
  readonly cleanStart: boolean
  /** Seconds that the session outlives the connection. */
  readonly sessionExpiry: number
  /** Seconds that it may at most. */
  readonly mostSessionExpirySeconds: number
  /** Seconds; 0 for none. */
  readonly keepAlive: number
  /** QoS 1 and 2 messages that the client takes without acknowledging them. */
  readonly receiveMaximum: number
  /** Bytes of the largest packet that the client takes. */
  readonly maximumPacketSize: number
  /** Topic aliases that the gateway may set. */
  readonly topicAliases: number
  /** Whether the client wants reason strings. */
  readonly wantsReasons: boolean
  /** Whether it is a Mosquitto bridge: it wants RETAIN as published, and not its own messages. */
  readonly isBridge: boolean
  readonly will: Will | null
  /** Whether the client asked for other terms than it got: CONNACK has to say so. */
  readonly asked: Pick<Connect, 'sessionExpiry' | 'keepAlive'>
}

/** The terms for a CONNECT; throws a ProtocolError with the reason for its CONNACK where there are none. */
export function toTerms(connect: Connect, settings: Config['mqtt'], abilities: Abilities): Terms {
  const { version, clientId, cleanStart, will } = connect
  if (connect.authenticationMethod !== null)
    throw new ProtocolError(
      Reason.badAuthenticationMethod,
      'asked for an authentication method; the client certificate is the authentication',
    )
  const emptyProblem = clientId === '' ? emptyClientIdProblem(version, cleanStart) : null
  if (emptyProblem) throw new ProtocolError(Reason.clientIdentifierNotValid, emptyProblem)
  const problem = clientId === '' ? null : clientIdProblem(clientId)
  if (problem)
    throw new ProtocolError(Reason.clientIdentifierNotValid, `sent a client id that ${problem}`)
  const willProblem = will && topicProblem(will.topic)
  if (willProblem)
    throw new ProtocolError(Reason.topicNameInvalid, `sent a will whose topic ${willProblem}`)
  const refusal = abilityProblem(connect, abilities)
  if (refusal) throw refusal
  const { mostSessionExpirySeconds } = abilities
  return {
    version,
    clientId: clientId || `auto-${randomUUID()}`,
    isAssigned: clientId === '',
    cleanStart,
    sessionExpiry: sessionExpiryOf(connect, mostSessionExpirySeconds),
    mostSessionExpirySeconds,
    keepAlive: keepAliveOf(connect, settings),
    receiveMaximum: connect.receiveMaximum,
    maximumPacketSize: connect.maximumPacketSize,
    topicAliases: Math.min(connect.topicAliasMaximum, settings.topicAliasesOut),
    // the longest reason string is shorter
    wantsReasons: connect.requestProblemInformation && connect.maximumPacketSize >= 512,
    isBridge: connect.bridge,
    will: will && toWill(will),
    asked: { sessionExpiry: connect.sessionExpiry, keepAlive: connect.keepAlive },
  }
}

/** The properties of CONNACK that tell an MQTT 5 client where the terms differ from what it asked for. */
export function toConnackProperties(
  terms: Terms,
  settings: Config['mqtt'],
  abilities: Abilities,
  maximumPacketSize: number,
): ConnackProperties {
  const { asked, sessionExpiry, keepAlive, isAssigned, clientId } = terms
  return {
    ...(sessionExpiry !== (asked.sessionExpiry ?? 0) && { sessionExpiry }),
    ...(keepAlive !== asked.keepAlive && { serverKeepAlive: keepAlive }),
    ...(isAssigned && { assignedClientId: clientId }),
    receiveMaximum: settings.receiveMaximum,
    maximumPacketSize,
    ...(settings.topicAliasMaximum > 0 && { topicAliasMaximum: settings.topicAliasMaximum }),
    // absent for 2 [MQTT 5 §3.2.2.3.4]
    ...(abilities.maximumQos === 1 && { maximumQos: 1 as const }),
    ...(!abilities.sharesSubscriptions && { sharedAvailable: false }),
  }
}

function sessionExpiryOf({ version, cleanStart, sessionExpiry }: Connect, most: number): number {
  if (version === 5) return Math.min(sessionExpiry ?? 0, most)
  return cleanStart ? 0 : most
}

/** What the broker cannot do for a client that asks for it and can be told in no other way. */
function abilityProblem(
  { version, cleanStart, will }: Connect,
  { mostSessionExpirySeconds, maximumQos }: Abilities,
): ProtocolError | null {
  // MQTT 5 has the session expiry of CONNACK for it
  if (version < 5 && !cleanStart && mostSessionExpirySeconds === 0)
    return new ProtocolError(
      Reason.clientIdentifierNotValid,
      'asks for a persistent session, which is not supported in front of another broker: let it connect with a clean session',
    )
  // [MQTT-3.2.2-12]
  if (will && will.qos > maximumQos)
    return new ProtocolError(
      Reason.qosNotSupported,
      `sent a will of QoS ${will.qos}; in front of another broker the highest is ${maximumQos}`,
    )
  return null
}

/** MQTT 3 has no way to tell a client of another keep alive. */
function keepAliveOf(
  { version, keepAlive }: Connect,
  { maxKeepAliveSeconds }: Config['mqtt'],
): number {
  if (version < 5 || maxKeepAliveSeconds === 0) return keepAlive
  return keepAlive === 0 ? maxKeepAliveSeconds : Math.min(keepAlive, maxKeepAliveSeconds)
}

/** MQTT 5 has the server choose a client id [MQTT 5 §3.1.3.1]. */
function emptyClientIdProblem(version: Version, cleanStart: boolean): string | null {
  // it has at least one character [3.1 §3.1]
  if (version === 3) return 'sent an empty client id, which MQTT 3.1 does not allow'
  // [MQTT-3.1.3-8]
  if (version === 4 && !cleanStart) return 'sent an empty client id without a clean session'
  return null
}

/** Client ids may hold what has a meaning in filters, but no character that MQTT forbids. */
function clientIdProblem(clientId: string): string | null {
  if (clientId === COMMANDS_CLIENT_ID)
    return 'is reserved for commands over HTTP; choose another one'
  return topicProblem(clientId.replaceAll(/[+#/]/g, '_'))
}

function toWill({ topic, payload, qos, retain, properties, messageExpiry, delay }: WillPacket) {
  return { message: { topic, payload, qos, retain, properties }, messageExpiry, delay }
}
