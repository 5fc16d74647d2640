import { malformed } from './cursor.ts'
import type { Version } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

export interface FrameLimits {
  /** Bytes of the largest CONNECT, with its fixed header. */
  readonly connectBytes: number
  /** Bytes of the largest packet after CONNECT, with its fixed header. */
  readonly packetBytes: number
}

/** One MQTT packet, not decoded yet. */
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
const NOTHING: Buffer[] = []

export function createFrames(limits: FrameLimits): Frames {
  return new ChunkFrames(limits)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ChunkFrames implements Frames {
  readonly #packetBytes: number
  #limit: number
  #isShortest = false
  #state: 'type' | 'length' | 'body' = 'type'
  // still to be read: the rest of `#chunk`, then `#turned` from its last to its first, then `#pushed`
  #chunk = EMPTY
  #at = 0
  #turned = NOTHING
  #pushed = NOTHING
  #laterBytes = 0
  // the packet that is being read
  #first = 0
  #length = 0
  #lengthBytes = 0
  // its body, where it comes in several chunks
  #collected = EMPTY
  #have = 0

  constructor({ connectBytes, packetBytes }: FrameLimits) {
    this.#limit = connectBytes
    this.#packetBytes = packetBytes
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.#at < this.#chunk.length || this.#turned.length > 0 || this.#pushed.length > 0) {
      if (this.#pushed === NOTHING) this.#pushed = []
      this.#pushed.push(bytes)
      this.#laterBytes += bytes.length
    } else {
      this.#chunk = bytes
      this.#at = 0
    }
  }

  next(): Frame | null {
    while (this.#at < this.#chunk.length || this.#moreComes()) {
      if (this.#state === 'type') {
        this.#first = this.#chunk[this.#at++] as number
        this.#length = 0
        this.#lengthBytes = 0
        this.#state = 'length'
      } else if (this.#state === 'length') {
        if (this.#readLength(this.#chunk[this.#at++] as number)) {
          this.#state = 'body'
          if (this.#length === 0) return this.#packet(EMPTY)
        }
      } else {
        const body = this.#readBody()
        if (body) return this.#packet(body)
      }
    }
    return null
  }

  #moreComes(): boolean {
    if (this.#turned.length === 0 && this.#pushed.length > 0) {
      this.#turned = this.#pushed.reverse()
      this.#pushed = NOTHING
    }
    this.#chunk = this.#turned.pop() ?? EMPTY
    this.#laterBytes -= this.#chunk.length
    this.#at = 0
    return this.#chunk.length > 0
  }

  #packet(body: Buffer): Frame {
    this.#state = 'type'
    return { first: this.#first, body }
  }

  /** Takes one byte of the remaining length [§2.1.4]; true once it is whole. */
  #readLength(byte: number): boolean {
    this.#length |= (byte & 0x7f) << (7 * this.#lengthBytes)
    this.#lengthBytes += 1
    if (byte >= 0x80) {
      if (this.#lengthBytes < 4) return false
      throw malformed('sent a packet with a length of more than four bytes')
    }
    if (this.#isShortest && byte === 0 && this.#lengthBytes > 1)
      throw malformed(
        'sent a packet with a length that is not encoded in the fewest bytes [MQTT-1.5.5-1]',
      )
    const bytes = 1 + this.#lengthBytes + this.#length
    if (bytes > this.#limit)
      throw new ProtocolError(
        Reason.packetTooLarge,
        `sent a packet of ${bytes} bytes; at most ${this.#limit} are allowed`,
      )
    return true
  }

  #readBody(): Buffer | null {
    const at = this.#at
    const count = Math.min(this.#length - this.#have, this.#chunk.length - at)
    this.#at += count
    if (count === this.#length) return this.#chunk.subarray(at, at + count)
    this.#makeRoom(count)
    this.#chunk.copy(this.#collected, this.#have, at, at + count)
    this.#have += count
    if (this.#have < this.#length) return null
    const body = this.#collected
    this.#collected = EMPTY
    this.#have = 0
    return body
  }

  /** For the bytes that came, not for the announced length. It doubles, so that every byte is copied about twice. */
  #makeRoom(count: number): void {
    const wanted = this.#have + count
    if (wanted <= this.#collected.length) return
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, 2 * wanted))
    this.#collected.copy(larger, 0, 0, this.#have)
    this.#collected = larger
  }

  connected(version: Version): void {
    this.#limit = this.#packetBytes
    this.#isShortest = version === 5
  }

  isPartial(): boolean {
    return this.#state !== 'type'
  }

  bytes(): number {
    const read = this.#at < this.#chunk.length ? this.#chunk.length : 0
    return read + this.#laterBytes + this.#collected.length
  }
}
