import {
  type Cursor,
  expectEnd,
  malformed,
  protocolError,
  readByte,
  readPacketId,
  sent,
} from './cursor.ts'
import { decodeConnect } from './decode-connect.ts'
import { decodePublish } from './decode-publish.ts'
import { decodeSubscribe, decodeUnsubscribe } from './decode-subscribe.ts'
import type { Acknowledgement, Auth, ClientPacket, Disconnect, Version } from './packets.ts'
import { readProperties } from './properties.ts'

const NAMES = [
  'packet of type 0',
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
]
const CONNECT = 1
const PUBLISH = 3
const AUTH = 15

/** Bits 3 to 0 of the first byte of PUBREL, SUBSCRIBE and UNSUBSCRIBE; of others, but PUBLISH, they are 0 [§2.1.3]. */
const RELIABLE = 0b0010
const WITH_RELIABLE = [6, 8, 10]
const DUP = 0b1000

/**
 * Decodes a packet from a client, strictly; `body` is what follows the fixed header. `version` is null until CONNECT has
 * named it. Payloads and correlation data are views on `body`. Throws only a ProtocolError.
 */
export function decodePacket(
  firstByte: number,
  body: Buffer,
  version: Version | null,
): ClientPacket {
  const type = firstByte >> 4
  const packet = NAMES[type] as string
  const cursor: Cursor = { bytes: body, at: 0, end: body.length, packet }
  if (version !== null && type === PUBLISH) return decodePublish(cursor, firstByte, version)
  checkFlags(cursor, firstByte, version)
  if (type === CONNECT) return decodeConnect(cursor)
  if (version === null) throw protocolError(`${sent(packet)} before CONNECT [MQTT-3.1.0-1]`)
  switch (type) {
    case 4:
      return decodeAcknowledgement(cursor, 'puback', version)
    case 5:
      return decodeAcknowledgement(cursor, 'pubrec', version)
    case 6:
      return decodeAcknowledgement(cursor, 'pubrel', version)
    case 7:
      return decodeAcknowledgement(cursor, 'pubcomp', version)
    case 8:
      return decodeSubscribe(cursor, version)
    case 10:
      return decodeUnsubscribe(cursor, version)
    case 12:
      expectEnd(cursor)
      return { type: 'pingreq' }
    case 14:
      return decodeDisconnect(cursor, version)
    case AUTH:
      if (version === 5) return decodeAuth(cursor)
      break
    case 0:
      break
    default:
      throw protocolError(`${sent(packet)}, which only a server may [§2.1.2]`)
  }
  // reserved types: 0, and below MQTT 5 that of AUTH too [§2.1.2]
  throw malformed(`sent a packet of type ${type}, which is reserved`)
}

function checkFlags(cursor: Cursor, firstByte: number, version: Version | null): void {
  const type = firstByte >> 4
  const flags = firstByte & 0x0f
  if (type === PUBLISH) return
  const reliable = WITH_RELIABLE.includes(type)
  // in MQTT 3.1 these three have DUP when they are sent again [3.1 §2.1]
  const checked = reliable && version === 3 ? flags & ~DUP : flags
  if (checked !== (reliable ? RELIABLE : 0))
    throw malformed(`${sent(cursor.packet)} with flags ${flags} [MQTT-2.1.3-1]`)
}

const PUBLISHED = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const RELEASED = [0x00, 0x92]
/** Reason codes by which each acknowledgement may answer [§3.4.2.1, §3.5.2.1, §3.6.2.1, §3.7.2.1]. */
const ANSWERS = { puback: PUBLISHED, pubrec: PUBLISHED, pubrel: RELEASED, pubcomp: RELEASED }

function decodeAcknowledgement(
  cursor: Cursor,
  type: Acknowledgement['type'],
  version: Version,
): Acknowledgement {
  const packetId = readPacketId(cursor)
  let reason = 0
  if (version === 5 && cursor.at < cursor.end) {
    reason = readReason(cursor, ANSWERS[type])
    // three bytes have no property length [§3.4.2.2.1]
    if (cursor.at < cursor.end) readProperties(cursor)
  }
  expectEnd(cursor)
  return { type, packetId, reason }
}

/** Reason codes of DISCONNECT [§3.14.2.1]. */
const DISCONNECTED = [
  ...[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94],
  ...[0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
]

function decodeDisconnect(cursor: Cursor, version: Version): Disconnect {
  let reason = 0
  let sessionExpiry: number | null = null
  if (version === 5 && cursor.at < cursor.end) {
    reason = readReason(cursor, DISCONNECTED)
    // one byte has no property length [§3.14.2.2.1]
    if (cursor.at < cursor.end) sessionExpiry = readProperties(cursor).sessionExpiry ?? null
  }
  expectEnd(cursor)
  return { type: 'disconnect', reason, sessionExpiry }
}

/** Reason codes of AUTH [§3.15.2.1]. */
const AUTHENTICATED = [0x00, 0x18, 0x19]

function decodeAuth(cursor: Cursor): Auth {
  let reason = 0
  if (cursor.at < cursor.end) {
    reason = readReason(cursor, AUTHENTICATED)
    readProperties(cursor)
  }
  expectEnd(cursor)
  return { type: 'auth', reason }
}

function readReason(cursor: Cursor, allowed: readonly number[]): number {
  const reason = readByte(cursor)
  if (!allowed.includes(reason))
    throw protocolError(`${sent(cursor.packet)} with reason code ${reason} [§2.4]`)
  return reason
}
