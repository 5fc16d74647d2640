import type { Acknowledgement, ConnackProperties, Version } from './packets.ts'
import { PROPERTIES } from './property-table.ts'
import { Reason } from './reasons.ts'
import { propertyBytes, startPacket, varintBytes, writeProperty, writeVarint } from './write.ts'

/** A PINGRESP [§3.13]. */
export const PINGRESP = Buffer.from([0xd0, 0])

const FIRST_BYTES = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }
const FAILURE = 0x80

export interface ConnackFields {
  /** A reason code of MQTT 5, whatever the version. */
  readonly reason: number
  readonly sessionPresent: boolean
  /** Left out below MQTT 5. */
  readonly properties: ConnackProperties
}

/** A CONNACK [§3.2]; below MQTT 5 with the return code nearest to the reason. */
export function connackPacket(version: Version, fields: ConnackFields): Buffer {
  const { reason, sessionPresent, properties } = fields
  // the byte is reserved in MQTT 3.1, and 0 in every refusal [MQTT-3.2.2-6]
  const flags = sessionPresent && reason === Reason.success && version !== 3 ? 1 : 0
  if (version < 5) return Buffer.from([0x20, 2, flags, returnCodeOf(reason)])
  const bytes = propertiesBytes(properties)
  const remaining = 2 + varintBytes(bytes) + bytes
  const packet = startPacket(0x20, remaining)
  const at = packet.length - remaining
  packet[at] = flags
  packet[at + 1] = reason
  writeProperties(packet, at + 2, properties, bytes)
  return packet
}

/** The return code of CONNACK below MQTT 5 [3.1.1 §3.2.2.3]. */
function returnCodeOf(reason: number): number {
  switch (reason) {
    case Reason.success:
      return 0
    case Reason.unsupportedProtocolVersion:
      return 1
    case Reason.clientIdentifierNotValid:
      return 2
    case Reason.notAuthorized:
      return 5
    default:
      // server unavailable
      return 3
  }
}

/** A PUBACK, PUBREC, PUBREL or PUBCOMP [§3.4 to §3.7]; below MQTT 5 without reason code and reason string. */
export function acknowledgementPacket(
  version: Version,
  type: Acknowledgement['type'],
  packetId: number,
  reason = 0,
  reasonString?: string,
): Buffer {
  const first = FIRST_BYTES[type]
  if (version < 5 || (reason === 0 && reasonString === undefined))
    return startWithPacketId(first, 2, packetId)
  // without properties their length is left out too [§3.4.2.2.1]
  if (reasonString === undefined) {
    const packet = startWithPacketId(first, 3, packetId)
    packet[4] = reason
    return packet
  }
  const properties = { reasonString }
  const bytes = propertiesBytes(properties)
  const remaining = 3 + varintBytes(bytes) + bytes
  const packet = startWithPacketId(first, remaining, packetId)
  const at = packet.length - remaining + 2
  packet[at] = reason
  writeProperties(packet, at + 1, properties, bytes)
  return packet
}

function startWithPacketId(first: number, remaining: number, packetId: number): Buffer {
  const packet = startPacket(first, remaining)
  packet.writeUInt16BE(packetId, packet.length - remaining)
  return packet
}

/** A SUBACK [§3.9]; below MQTT 5 every refusal is 0x80. */
export function subackPacket(
  version: Version,
  packetId: number,
  reasons: readonly number[],
  reasonString?: string,
): Buffer {
  const codes = version < 5 ? reasons.map((code) => Math.min(code, FAILURE)) : reasons
  return listPacket(0x90, version, packetId, codes, reasonString)
}

/** An UNSUBACK [§3.11]; below MQTT 5 without reason codes. */
export function unsubackPacket(
  version: Version,
  packetId: number,
  reasons: readonly number[],
  reasonString?: string,
): Buffer {
  return listPacket(0xb0, version, packetId, version < 5 ? [] : reasons, reasonString)
}

function listPacket(
  first: number,
  version: Version,
  packetId: number,
  codes: readonly number[],
  reasonString: string | undefined,
): Buffer {
  const properties = { reasonString }
  const bytes = propertiesBytes(properties)
  const remaining = 2 + (version < 5 ? 0 : varintBytes(bytes) + bytes) + codes.length
  const packet = startPacket(first, remaining)
  let at = packet.writeUInt16BE(packetId, packet.length - remaining)
  if (version === 5) at = writeProperties(packet, at, properties, bytes)
  packet.set(codes, at)
  return packet
}

/** A DISCONNECT, which a server sends only to MQTT 5 clients [§3.14]. */
export function disconnectPacket(reason: number, reasonString?: string): Buffer {
  if (reasonString === undefined) return Buffer.from(reason === 0 ? [0xe0, 0] : [0xe0, 1, reason])
  const properties = { reasonString }
  const bytes = propertiesBytes(properties)
  const remaining = 1 + varintBytes(bytes) + bytes
  const packet = startPacket(0xe0, remaining)
  const at = packet.length - remaining
  packet[at] = reason
  writeProperties(packet, at + 1, properties, bytes)
  return packet
}

type Sent = ConnackProperties | { readonly reasonString: string | undefined }

function propertiesBytes(properties: Sent): number {
  let bytes = 0
  for (const property of PROPERTIES)
    bytes += propertyBytes(property, properties[property.name as keyof Sent])
  return bytes
}

function writeProperties(packet: Buffer, start: number, properties: Sent, bytes: number): number {
  let at = writeVarint(packet, start, bytes)
  for (const property of PROPERTIES)
    at = writeProperty(packet, at, property, properties[property.name as keyof Sent])
  return at
}
