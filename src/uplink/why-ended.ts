import { ErrorWithReasonCode, type IConnackPacket } from 'mqtt'
import { codeOf } from '../errors.ts'
import { ConnectFailure, type FailureKind, toConnectFailure } from './failure.ts'
import { reasonText } from './reason.ts'

const PROTOCOL_REFUSED: ReadonlySet<number> = new Set([1, 0x84])
const CREDENTIALS_REFUSED: ReadonlySet<number> = new Set([4, 5, 0x86, 0x87])

/** Codes of a DISCONNECT that has nothing to do with a message: the broker stops, has too many connections, … [MQTT 5 §3.14.2.1] */
const OF_THE_BROKER: ReadonlySet<number> = new Set([
  0x00, 0x89, 0x8b, 0x8d, 0x8e, 0x98, 0x9c, 0x9d, 0x9f, 0xa0,
])

/** Whether the broker may have sent this DISCONNECT because of a message. */
export function isAboutMessages(reasonCode = 0): boolean {
  return !OF_THE_BROKER.has(reasonCode)
}

/** Whether the other side reset the connection. */
export function isReset(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** What mqtt.js objects to: a CONNACK that refuses, no CONNACK in time, no answer to PINGREQ, or bytes that are not MQTT. */
export function whyEnded(
  error: Error,
  connack: IConnackPacket | undefined,
  at: string,
  settings: string,
): ConnectFailure {
  const code = connack?.reasonCode ?? connack?.returnCode ?? 0
  if (error instanceof ErrorWithReasonCode && code > 0) {
    const why = reasonText({ reasonCode: code, properties: connack?.properties })
    const hint = CREDENTIALS_REFUSED.has(code)
      ? `; see ${settings}_USERNAME, ${settings}_PASSWORD_FILE and ${settings}_CERT_FILE`
      : ''
    const kind: FailureKind = PROTOCOL_REFUSED.has(code) ? 'protocol' : 'refused'
    return new ConnectFailure(kind, `${at} refused the connection: ${why}${hint}`, error)
  }
  if (error.message === 'connack timeout')
    return new ConnectFailure('failed', `${at} does not answer; is it an MQTT broker?`, error)
  if (error.message === 'Keepalive timeout')
    return new ConnectFailure('failed', `${at} does not answer any more`, error)
  return connack
    ? toConnectFailure(error, at, settings)
    : new ConnectFailure('closed', `${at}: ${error.message}; is it an MQTT broker?`, error)
}
