import type { UserProperty } from '../topic/message.ts'
import { byteLengthAsRead, copyAsRead } from './passed-properties.ts'
import { PROPERTIES, type Property, type PropertyName } from './property-table.ts'

/** The table of properties by name. */
export const PROPERTY = Object.fromEntries(
  PROPERTIES.map((property) => [property.name, property]),
) as Readonly<Record<PropertyName, Property>>

/** A packet with its fixed header written; the rest is written from `packet.length - remaining` on. */
export function startPacket(firstByte: number, remaining: number): Buffer {
  const packet = Buffer.allocUnsafe(1 + varintBytes(remaining) + remaining)
  packet[0] = firstByte
  writeVarint(packet, 1, remaining)
  return packet
}

/** Bytes of a variable byte integer [§1.5.5]; `value` must be below 268,435,456. */
export function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Returns where the next field begins. */
export function writeVarint(packet: Buffer, at: number, value: number): number {
  let rest = value
  while (rest >= 128) {
    packet[at++] = (rest & 0x7f) | 0x80
    rest >>= 7
  }
  packet[at++] = rest
  return at
}

/** Texts of up to this many characters are written faster here than by a call into Node. */
const SHORT = 16

/** Bytes of a string with its two bytes of length [§1.5.4]. */
export function textBytes(text: string): number {
  return 2 + (isShortAscii(text) ? text.length : Buffer.byteLength(text))
}

/** Throws a RangeError for more than 65,535 bytes. */
export function writeText(packet: Buffer, at: number, text: string): number {
  const start = at + 2
  const bytes = isShortAscii(text) ? writeAscii(packet, start, text) : packet.write(text, start)
  packet.writeUInt16BE(bytes, at)
  return start + bytes
}

function isShortAscii(text: string): boolean {
  if (text.length > SHORT) return false
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

function writeAscii(packet: Buffer, start: number, text: string): number {
  for (let index = 0; index < text.length; index++) packet[start + index] = text.charCodeAt(index)
  return text.length
}

/** Bytes of a property with its identifier; 0 for one that is not there. */
export function propertyBytes({ type }: Property, value: unknown): number {
  if (value === undefined) return 0
  switch (type) {
    case 'bit':
      return 2
    case 'uint16':
      return 3
    case 'uint32':
      return 5
    case 'varint':
      return 1 + varintBytes(value as number)
    case 'binary':
      return 3 + (value as Buffer).length
    case 'pair':
      return pairsBytes(value as readonly UserProperty[])
    default:
      return 1 + textBytes(value as string)
  }
}

function pairsBytes(pairs: readonly UserProperty[]): number {
  let bytes = byteLengthAsRead(pairs)
  if (bytes > 0) return bytes
  for (const [name, text] of pairs) bytes += 1 + textBytes(name) + textBytes(text)
  return bytes
}

/** Writes nothing for a property that is not there. */
export function writeProperty(
  packet: Buffer,
  at: number,
  { id, type }: Property,
  value: unknown,
): number {
  if (value === undefined) return at
  if (type === 'pair') return writePairs(packet, at, id, value as readonly UserProperty[])
  packet[at] = id
  const next = at + 1
  switch (type) {
    case 'bit':
      packet[next] = Number(value)
      return next + 1
    case 'uint16':
      return packet.writeUInt16BE(value as number, next)
    case 'uint32':
      return packet.writeUInt32BE(value as number, next)
    case 'varint':
      return writeVarint(packet, next, value as number)
    case 'binary': {
      const bytes = value as Buffer
      packet.set(bytes, packet.writeUInt16BE(bytes.length, next))
      return next + 2 + bytes.length
    }
    default:
      return writeText(packet, next, value as string)
  }
}

function writePairs(
  packet: Buffer,
  start: number,
  id: number,
  pairs: readonly UserProperty[],
): number {
  if (byteLengthAsRead(pairs) > 0) return copyAsRead(packet, start)
  let at = start
  for (const [name, text] of pairs) {
    packet[at] = id
    at = writeText(packet, writeText(packet, at + 1, name), text)
  }
  return at
}
