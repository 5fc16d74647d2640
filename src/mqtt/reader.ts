import type { Duplex } from 'node:stream'
import type { CutReason } from '../metrics/meter.ts'
import { createFrames, type Frame, type FrameLimits, type Frames } from './frames.ts'
import { type Holds, noMemory } from './holds.ts'
import type { Version } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** The limits that all readers have in common. */
export interface ReaderLimits extends FrameLimits {
  /** Milliseconds until the first packet has to be there, and that any packet may take to arrive. */
  readonly connectTimeoutMs: number
  readonly packetTimeoutMs: number
}

/** What a reader asks of the connection that it is a part of. */
export interface ReaderOwner {
  readonly limits: ReaderLimits
  /** Counts the bytes of packets that are incomplete, or wait for their turn. */
  readonly holds: Pick<Holds, 'packet'>
  /** As `Turns` has them, for the device. */
  enter(work: () => void): void
  isOver(): boolean
  onFrame(frame: Frame): void
  onError(error: unknown, bound?: CutReason): void
  /** Called once the client has ended its side, and none of its packets waits for its turn. */
  onEnd(): void
}

/** Reads a stream packet by packet: each once the one before is handled and it is the device's turn. */
export interface PacketReader {
  /** Pauses reading until the returned function is called. Several holds add up. */
  hold(): () => void
  /** CONNECT is accepted: larger packets may come. */
  connected(version: Version): void
  /** What still comes is discarded. */
  stop(): void
  /** Whether the client has ended its side, but some of its packets wait for their turn. */
  isFinishing(): boolean
  /** When the client was last heard, on the clock of `performance.now()`; now, while it is not read from. */
  lastHeard(): number
}

/** The key under which a stream holds its reader. */
const READER = Symbol('reader')
type ReadStream = Duplex & { [READER]?: StreamReader }

export function createPacketReader(stream: Duplex, owner: ReaderOwner): PacketReader {
  return new StreamReader(stream, owner)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class StreamReader implements PacketReader {
  readonly #stream: Duplex
  readonly #owner: ReaderOwner
  readonly #frames: Frames
  #state: 'reading' | 'waiting' | 'in a packet' | 'stopped' = 'reading'
  #holds = 0
  #hasEnded = false
  #lastHeard = performance.now()
  #packets = 0
  // of the packet with the number `#timedPacket`, which has begun to arrive
  #timer: NodeJS.Timeout | undefined
  #timedPacket = 0

  /** Bytes that are counted as held. */
  #held = 0

  constructor(stream: ReadStream, owner: ReaderOwner) {
    const { limits } = owner
    this.#stream = stream
    this.#owner = owner
    this.#frames = createFrames(limits)
    this.#timer = setTimeout(tooSlow, limits.connectTimeoutMs, this).unref()
    stream[READER] = this
    stream.on('data', take)
    stream.on('end', ended)
  }

  take(chunk: Buffer): void {
    if (this.#state === 'stopped') return
    this.#lastHeard = performance.now()
    this.#frames.push(chunk)
    if (this.#state === 'waiting') {
      // a flood is not read while it waits for its turn; one more chunk takes less time than stopping for each
      this.#pause()
      this.#countHeld()
    } else this.#read()
  }

  #read(): void {
    if (this.#state !== 'reading') return
    if (this.#holds > 0) {
      this.#countHeld()
      return
    }
    this.#state = 'waiting'
    this.#owner.enter(() => this.#readSlice())
    if (!this.#isIn('waiting')) return
    this.#updateTimer()
    this.#countHeld()
  }

  #readSlice(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'in a packet'
    let hasMore = false
    try {
      for (let frame = this.#next(); frame; frame = this.#next()) {
        this.#packets += 1
        this.#owner.onFrame(frame)
        hasMore = this.#owner.isOver()
        if (hasMore) break
      }
    } catch (error) {
      this.#owner.onError(error)
    }
    this.#countHeld()
    if (this.#isIn('stopped')) return
    this.#state = 'reading'
    if (hasMore) this.#read()
    this.#updateTimer()
    this.#resume()
    this.#end()
  }

  ended(): void {
    this.#hasEnded = true
    this.#end()
  }

  /** For after a call that may have changed the state, which TypeScript does not see. */
  #isIn(state: 'waiting' | 'stopped'): boolean {
    return this.#state === state
  }

  #end(): void {
    if (this.#hasEnded && this.#state === 'reading') this.#owner.onEnd()
  }

  #next(): Frame | null {
    return this.#holds > 0 || this.#state === 'stopped' ? null : this.#frames.next()
  }

  #countHeld(): void {
    const bytes = this.#frames.bytes()
    if (this.#state === 'stopped' || bytes === this.#held) return
    if (this.#owner.holds.packet.resize(bytes)) this.#held = bytes
    else this.#owner.onError(noMemory(), 'memory')
  }

  #isHeld(): boolean {
    return this.#holds > 0 || this.#state === 'waiting'
  }

  #pause(): void {
    this.#stream.pause()
    // a packet that has begun to arrive waits for the gateway now
    if (this.#state !== 'in a packet') this.#updateTimer()
  }

  #resume(): void {
    if (!this.#isHeld() && this.#stream.isPaused()) this.#stream.resume()
  }

  /** Starts or stops the timer of a packet that has begun to arrive. Further bytes do not give the packet more time. */
  #updateTimer(): void {
    if (this.#packets === 0) return
    if (this.#isHeld() || !this.#frames.isPartial()) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#timedPacket = 0
    } else if (this.#timedPacket !== this.#packets + 1) {
      clearTimeout(this.#timer)
      this.#timedPacket = this.#packets + 1
      this.#timer = setTimeout(tooSlow, this.#owner.limits.packetTimeoutMs, this).unref()
    }
  }

  /** Reports that CONNECT, or the rest of a packet, has not come in time. */
  failLate(): void {
    this.#owner.onError(...(this.#packets === 0 ? lateConnect() : latePacket()))
  }

  hold(): () => void {
    this.#holds += 1
    this.#pause()
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      this.#release()
    }
  }

  #release(): void {
    this.#holds -= 1
    if (this.#holds > 0 || this.#state === 'stopped') return
    this.#lastHeard = performance.now()
    this.#read()
    this.#resume()
  }

  connected(version: Version): void {
    this.#frames.connected(version)
  }

  stop(): void {
    this.#state = 'stopped'
    clearTimeout(this.#timer)
    this.#stream.resume()
  }

  isFinishing(): boolean {
    return this.#hasEnded && (this.#state === 'waiting' || this.#state === 'in a packet')
  }

  lastHeard(): number {
    return this.#isHeld() ? performance.now() : this.#lastHeard
  }
}

// the same listeners for all streams

function take(this: ReadStream, chunk: Buffer): void {
  this[READER]?.take(chunk)
}

function ended(this: ReadStream): void {
  this[READER]?.ended()
}

function tooSlow(reader: StreamReader): void {
  reader.failLate()
}

function lateConnect(): [ProtocolError, CutReason] {
  const sentence = 'did not send CONNECT in time (WOTT_CONNECT_TIMEOUT)'
  return [new ProtocolError(Reason.keepAliveTimeout, sentence), 'connect_timeout']
}

function latePacket(): [ProtocolError, CutReason] {
  const sentence = 'sent a packet that did not arrive in time (WOTT_PACKET_TIMEOUT)'
  return [new ProtocolError(Reason.keepAliveTimeout, sentence), 'packet_timeout']
}
