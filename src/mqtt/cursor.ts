import { isUtf8 } from 'node:buffer'
import { ProtocolError, Reason } from './reasons.ts'
import { createTexts } from './texts.ts'

const texts = createTexts()

/** The bytes of one packet after its fixed header, and how far they have been read. */
export interface Cursor {
  readonly bytes: Buffer
  at: number
  /** Nothing is read from here on: the end of the packet, or of the properties that are being read. */
  end: number
  /** The packet's name, as errors and the table of properties have it. */
  readonly packet: string
}

/** The packet cannot be parsed: reason code 0x81 for an MQTT 5 client. `message` says what the client sent. */
export function malformed(message: string): ProtocolError {
  return new ProtocolError(Reason.malformedPacket, message)
}

/** The packet can be parsed but is not allowed: reason code 0x82. `message` says what the client sent. */
export function protocolError(message: string): ProtocolError {
  return new ProtocolError(Reason.protocolError, message)
}

/** "sent a PUBLISH", "sent an AUTH": how the message of an error begins. */
export function sent(packet: string): string {
  return packet.startsWith('A') || packet.startsWith('U') ? `sent an ${packet}` : `sent a ${packet}`
}

/** This and the other `read` functions throw a ProtocolError if the packet ends too early. */
export function readByte(cursor: Cursor): number {
  const at = take(cursor, 1)
  return cursor.bytes[at] as number
}

/** A two byte integer [§1.5.2], big-endian. */
export function readUint16(cursor: Cursor): number {
  const at = take(cursor, 2)
  return ((cursor.bytes[at] as number) << 8) | (cursor.bytes[at + 1] as number)
}

/** A four byte integer [§1.5.3], big-endian. */
export function readUint32(cursor: Cursor): number {
  const high = readUint16(cursor)
  return high * 0x1_0000 + readUint16(cursor)
}

/** A variable byte integer [§1.5.5]. */
export function readVarint(cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = readByte(cursor)
    value |= (byte & 0x7f) << shift
    if (byte >= 0x80) continue
    if (byte === 0 && shift > 0)
      throw malformed(
        `${sent(cursor.packet)} with a number that is not encoded in the fewest bytes [MQTT-1.5.5-1]`,
      )
    return value
  }
  throw malformed(`${sent(cursor.packet)} with a number of more than four bytes [§1.5.5]`)
}

/** A UTF-8 string [§1.5.4]: well-formed and without U+0000. */
export function readText(cursor: Cursor): string {
  const { bytes } = cursor
  const length = readUint16(cursor)
  const start = take(cursor, length)
  const end = start + length
  let at = start
  let hash = length
  for (; at < end; at++) {
    const byte = bytes[at] as number
    if (!isPlain(byte)) break
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  if (at === end) return texts.of(bytes, start, end, hash)
  if (bytes.subarray(at, end).includes(0))
    throw malformed(`${sent(cursor.packet)} with U+0000 in a string [MQTT-1.5.4-2]`)
  // refuses surrogates too; a byte order mark stays [MQTT-1.5.4-3]
  if (!isUtf8(bytes.subarray(at, end)))
    throw malformed(`${sent(cursor.packet)} with a string that is not UTF-8 [MQTT-1.5.4-1]`)
  return bytes.toString('utf8', start, end)
}

function isPlain(byte: number): boolean {
  return byte < 0x80 && byte !== 0
}

/** Binary data [§1.5.6], as a view. */
export function readBinary(cursor: Cursor): Buffer {
  const length = readUint16(cursor)
  const start = take(cursor, length)
  return cursor.bytes.subarray(start, start + length)
}

/** Throws a ProtocolError for 0. */
export function readPacketId(cursor: Cursor): number {
  const packetId = readUint16(cursor)
  if (packetId === 0)
    throw protocolError(`${sent(cursor.packet)} with packet identifier 0 [MQTT-2.2.1-3]`)
  return packetId
}

/** Throws a ProtocolError if bytes of the packet are left. */
export function expectEnd(cursor: Cursor): void {
  if (cursor.at !== cursor.end)
    throw malformed(`${sent(cursor.packet)} with ${cursor.end - cursor.at} bytes too many`)
}

/** Where the next `count` bytes start, which are then read. */
function take(cursor: Cursor, count: number): number {
  const { at } = cursor
  if (cursor.end - at < count) throw malformed(`${sent(cursor.packet)} that is too short`)
  cursor.at = at + count
  return at
}
