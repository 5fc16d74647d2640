import type { UserProperty } from '../topic/message.ts'

// lets a message be sent on with the bytes of its user properties as they came, without encoding them again:
// the user properties that were read last, and where their bytes are
let list: readonly UserProperty[] | undefined
let bytes: Buffer = Buffer.alloc(0)
let start = 0
let end = 0
let count = 0

/**
 * Remembers that the newest of `pairs` was read from these bytes, which include its property identifier. Only the list that was
 * read last is remembered: it is usually sent before the next packet is read.
 */
export function rememberBytes(
  pairs: readonly UserProperty[],
  body: Buffer,
  from: number,
  to: number,
): void {
  if (pairs !== list) {
    list = pairs
    bytes = body
    start = from
    end = from
    count = 0
  }
  // other properties may stand between user properties
  if (from !== end) return
  end = to
  count += 1
}

/** How many bytes they were read from, which are also those to send; 0 where they are not known. */
export function byteLengthAsRead(pairs: readonly UserProperty[]): number {
  return pairs === list && pairs.length === count ? end - start : 0
}

/** Writes the bytes that were read last, of which `byteLengthAsRead` is the length. */
export function copyAsRead(packet: Buffer, at: number): number {
  return at + bytes.copy(packet, at, start, end)
}
