import { malformed } from './cursor.ts'
import type { Version } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

export interface FrameLimits {
  /** Bytes of the largest CONNECT, with its fixed header. */
  readonly connectBytes: number
  /** Bytes of the largest packet after CONNECT, with its fixed header. */
  readonly packetBytes: number
}

export interface Frame {
  /** The first byte of the fixed header: the packet's type and flags. */
  readonly first: number
  /** What follows the fixed header: a view on the chunk, where it came in one. */
  readonly body: Buffer
}

/** Cuts a stream of bytes into MQTT packets. Once it has thrown, the stream cannot be read any further. */
export interface Frames {
  push(chunk: Buffer): void
  /**
   * The next packet, or null until more bytes come. Throws a ProtocolError for a packet that is too large, as soon as its
   * fixed header is there, and for a length that is not valid.
   */
  next(): Frame | null
  /** CONNECT is accepted: larger packets may come, and in MQTT 5 every length has to be in its shortest form. */
  connected(version: Version): void
  /** Whether, after `next` has returned null, the first bytes of a packet are here but not its last. */
  isPartial(): boolean
  /** Bytes that are kept until more come, or until somebody asks for the next packet. */
  bytes(): number
}

const EMPTY: Buffer = Buffer.alloc(0)

export function createFrames({ connectBytes, packetBytes }: FrameLimits): Frames {
  let limit = connectBytes
  let shortest = false
  let state: 'type' | 'length' | 'body' = 'type'
  // what is still to be read: the rest of `chunk`, then `turned` from its end, then `pushed`
  let chunk = EMPTY
  let at = 0
  let turned: Buffer[] = []
  let pushed: Buffer[] = []
  let laterBytes = 0
  // the packet that is being read
  let first = 0
  let length = 0
  let lengthBytes = 0
  // its body, where it comes in several chunks
  let collected = EMPTY
  let have = 0

  function next(): Frame | null {
    while (at < chunk.length || moreComes()) {
      if (state === 'type') {
        first = chunk[at++] as number
        length = 0
        lengthBytes = 0
        state = 'length'
      } else if (state === 'length') {
        if (readLength(chunk[at++] as number)) {
          state = 'body'
          if (length === 0) return packet(EMPTY)
        }
      } else {
        const body = readBody()
        if (body) return packet(body)
      }
    }
    return null
  }

  function moreComes(): boolean {
    if (turned.length === 0 && pushed.length > 0) {
      turned = pushed.reverse()
      pushed = []
    }
    chunk = turned.pop() ?? EMPTY
    laterBytes -= chunk.length
    at = 0
    return chunk.length > 0
  }

  function packet(body: Buffer): Frame {
    state = 'type'
    return { first, body }
  }

  /** Takes one byte of the remaining length [§2.1.4]; true once it is whole. */
  function readLength(byte: number): boolean {
    length |= (byte & 0x7f) << (7 * lengthBytes)
    lengthBytes += 1
    if (byte >= 0x80) {
      if (lengthBytes < 4) return false
      throw malformed('sent a packet with a length of more than four bytes')
    }
    if (shortest && byte === 0 && lengthBytes > 1)
      throw malformed(
        'sent a packet with a length that is not encoded in the fewest bytes [MQTT-1.5.5-1]',
      )
    const bytes = 1 + lengthBytes + length
    if (bytes > limit)
      throw new ProtocolError(
        Reason.packetTooLarge,
        `sent a packet of ${bytes} bytes; at most ${limit} are allowed`,
      )
    return true
  }

  function readBody(): Buffer | null {
    const count = Math.min(length - have, chunk.length - at)
    if (count === length) {
      at += count
      return chunk.subarray(at - count, at)
    }
    // room for the bytes that came, not for the announced length. It doubles, so that every byte is copied about twice
    if (have + count > collected.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(length, 2 * (have + count)))
      collected.copy(larger, 0, 0, have)
      collected = larger
    }
    chunk.copy(collected, have, at, at + count)
    at += count
    have += count
    if (have < length) return null
    const body = collected
    collected = EMPTY
    have = 0
    return body
  }

  return {
    push(bytes) {
      if (bytes.length === 0) return
      if (at < chunk.length || turned.length > 0 || pushed.length > 0) {
        pushed.push(bytes)
        laterBytes += bytes.length
      } else {
        chunk = bytes
        at = 0
      }
    },
    next,
    connected(version) {
      limit = packetBytes
      shortest = version === 5
    },
    isPartial: () => state !== 'type',
    bytes: () => (at < chunk.length ? chunk.length : 0) + laterBytes + collected.length,
  }
}
