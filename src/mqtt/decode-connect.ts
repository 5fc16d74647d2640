import type { Qos } from '../topic/message.ts'
import { hasWildcard } from '../topic/topic.ts'
import {
  type Cursor,
  expectEnd,
  malformed,
  protocolError,
  readBinary,
  readByte,
  readText,
  readUint16,
} from './cursor.ts'
import type { Connect, ConnectWill, Version } from './packets.ts'
import { readProperties, toMessageProperties } from './properties.ts'
import type { Properties } from './property-table.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** Bit 7 of the protocol level, with which a Mosquitto bridge says what it is. */
const BRIDGE = 0x80
const USER_NAME = 0x80
const PASSWORD = 0x40
const WILL_RETAIN = 0x20
const WILL_QOS = 0x18
const WILL = 0x04
const CLEAN_START = 0x02
const RESERVED = 0x01

/** The version that the body of a CONNECT names, whatever else is wrong with it; null for none that is supported. */
export function versionOf(body: Buffer): Version | null {
  try {
    return readLevel({ bytes: body, at: 0, end: body.length, packet: 'CONNECT' }).version
  } catch {
    return null
  }
}

/** CONNECT [§3.1] of all versions. User name and password are checked for their form only. Throws a ProtocolError. */
export function decodeConnect(cursor: Cursor): Connect {
  const { version, bridge } = readLevel(cursor)
  const flags = readByte(cursor)
  checkFlags(flags, version)
  const keepAlive = readUint16(cursor)
  const terms: Properties = version === 5 ? readProperties(cursor) : {}
  // §3.1.2.11.10
  if (terms.authenticationData !== undefined && terms.authenticationMethod === undefined)
    throw protocolError('sent a CONNECT with authentication data but no method')
  const clientId = readText(cursor)
  const will = flags & WILL ? readWill(cursor, flags, version) : null
  // in MQTT 3.1 the user name and the password may be missing in spite of their flags [3.1 §3.1]
  const mayEnd = version === 3
  if (flags & USER_NAME && !(mayEnd && cursor.at === cursor.end)) readText(cursor)
  if (flags & PASSWORD && !(mayEnd && cursor.at === cursor.end)) readBinary(cursor)
  expectEnd(cursor)
  return {
    type: 'connect',
    version,
    bridge,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    clientId,
    will,
    sessionExpiry: terms.sessionExpiry ?? null,
    receiveMaximum: terms.receiveMaximum ?? 65_535,
    maximumPacketSize: terms.maximumPacketSize ?? Infinity,
    topicAliasMaximum: terms.topicAliasMaximum ?? 0,
    requestResponseInformation: terms.requestResponseInformation === 1,
    requestProblemInformation: terms.requestProblemInformation !== 0,
    authenticationMethod: terms.authenticationMethod ?? null,
  }
}

function readLevel(cursor: Cursor): { version: Version; bridge: boolean } {
  const name = readText(cursor)
  const level = readByte(cursor)
  if (name === 'MQTT') {
    if (level === 4 || level === 5) return { version: level, bridge: false }
    // a bridge that speaks MQTT 5 has no need of the bit
    if (level === (4 | BRIDGE)) return { version: 4, bridge: true }
  }
  if (name === 'MQIsdp' && (level & ~BRIDGE) === 3)
    return { version: 3, bridge: (level & BRIDGE) !== 0 }
  // [MQTT-3.1.2-1] and [MQTT-3.1.2-2] have this reason code for an unknown name too
  throw new ProtocolError(
    Reason.unsupportedProtocolVersion,
    `uses a protocol that is not supported (${JSON.stringify(name.slice(0, 20))}, level ${level})`,
  )
}

function checkFlags(flags: number, version: Version): void {
  // [MQTT-3.1.2-22] of 3.1.1; MQTT 5 allows it
  if (version < 5 && flags & PASSWORD && !(flags & USER_NAME))
    throw malformed('sent a CONNECT with a password but no user name [MQTT-3.1.2-22]')
  if (flags & WILL && (flags & WILL_QOS) === WILL_QOS)
    throw malformed('sent a CONNECT with a will of QoS 3 [MQTT-3.1.2-12]')
  // MQTT 3.1 has these bits disregarded [3.1 §3.1]
  if (version === 3) return
  if (flags & RESERVED) throw malformed('sent a CONNECT with its reserved flag set [MQTT-3.1.2-3]')
  if (!(flags & WILL) && flags & (WILL_QOS | WILL_RETAIN))
    throw malformed('sent a CONNECT with flags of a will but no will [MQTT-3.1.2-11]')
}

function readWill(cursor: Cursor, flags: number, version: Version): ConnectWill {
  const properties: Properties = version === 5 ? readProperties(cursor, 'will') : {}
  const topic = readText(cursor)
  if (topic === '' || hasWildcard(topic))
    throw new ProtocolError(
      version === 5 ? Reason.topicNameInvalid : Reason.malformedPacket,
      'sent a CONNECT with a will topic that is not a topic name [MQTT-3.3.2-2]',
    )
  return {
    topic,
    payload: readBinary(cursor),
    qos: ((flags & WILL_QOS) >> 3) as Qos,
    retain: (flags & WILL_RETAIN) !== 0,
    properties: toMessageProperties(properties),
    messageExpiry: properties.messageExpiry ?? null,
    delay: properties.willDelay ?? 0,
  }
}
